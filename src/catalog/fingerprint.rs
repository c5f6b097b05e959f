//! What a reader sees of an article, as a hash: tells an edit that readers must hear of from one that they need not.

use sha2::{Digest, Sha256};

use crate::domain::article::{Article, Media};
use crate::domain::ledger::Fingerprint;
use crate::gazetteer::Unit;

/// First half: what moves `updated` (title, lead, body, byline, media, correction). Second half: all the rest that a
/// document shows (address, rights, language, categories, tags, point, and the `units` that it is located in), so that a
/// mass edit of nothing visible touches no feed.
#[must_use]
pub fn fingerprint(article: &Article, units: &[&Unit]) -> Fingerprint {
    let mut text = Fields::default();
    text.add(Some(&article.title));
    for field in [&article.lead, &article.body_html, &article.byline, &article.correction] {
        text.add(field.as_deref());
    }
    for media in &article.media {
        text.add_media(media);
    }
    let mut rest = Fields::default();
    for field in [&article.url, &article.slug, &article.rights, &article.language] {
        rest.add(field.as_deref());
    }
    for category in &article.categories {
        rest.add(Some(category.as_str()));
    }
    for tag in &article.tags {
        rest.add(Some(tag));
    }
    for unit in units {
        rest.add(Some(&format!("{} {}", unit.code, unit.full_name())));
    }
    if let Some(point) = article.point {
        rest.add(None);
        rest.add(Some(&point.to_string()));
    }
    let mut both = Fingerprint::default();
    let halves = text.finish().into_iter().chain(rest.finish());
    for (byte, half) in both.iter_mut().zip(halves) {
        *byte = half;
    }
    both
}

/// Does a reader see the same text?
#[must_use]
pub fn same_text(a: &Fingerprint, b: &Fingerprint) -> bool {
    a.first_chunk::<8>() == b.first_chunk::<8>()
}

/// Length before content, so that no two lists of fields hash alike.
#[derive(Default)]
struct Fields(Sha256);

impl Fields {
    fn add(&mut self, field: Option<&str>) {
        let length = field.map_or(u64::MAX, |text| u64::try_from(text.len()).unwrap_or(u64::MAX));
        self.0.update(length.to_be_bytes());
        self.0.update(field.unwrap_or_default());
    }

    fn add_media(&mut self, media: &Media) {
        self.add(Some(&media.url));
        for field in [&media.mime_type, &media.role, &media.caption, &media.credit, &media.alt] {
            self.add(field.as_deref());
        }
        let numbers =
            [media.length, media.width.map(u64::from), media.height.map(u64::from), media.duration.map(u64::from)];
        for number in numbers {
            self.add(number.map(|n| n.to_string()).as_deref());
        }
    }

    fn finish(self) -> [u8; 8] {
        self.0.finalize().first_chunk::<8>().copied().unwrap_or_default()
    }
}
