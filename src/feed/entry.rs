//! One article as an entry: what is faulty is mended or left out, with a fault for the editor; what cannot be published
//! is set aside.

use chrono::Datelike as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::ids::ids;
use super::model::{Media, Story};
use super::values::{LanguageTag, Medium, MimeType, WebUrl};
use super::{Content, Options};
use crate::domain::article::{self, Article};
use crate::domain::fault::{Fault, FaultCode};
use crate::domain::ledger::ArticleRecord;
use crate::text::byline;
use crate::text::html::{self, SafeHtml};
use crate::text::plain::plain;
use crate::text::xml_chars::XmlText;

/// Longest title, in characters (graphemes): five lines in a newspaper.
const TITLE_CHARS_MAX: usize = 300;
/// Longest other plain text (lead, caption, correction ...), in characters (graphemes).
const TEXT_CHARS_MAX: usize = 5_000;
/// Most files of one entry.
const MEDIA_MAX: usize = 100;
/// Years that RFC 822 and RFC 3339 can write.
const YEARS: std::ops::RangeInclusive<i32> = 1..=9999;
/// The role of the picture that stands above an article.
const MAIN_ROLE: &str = "main";
/// What stays as it is in a path segment: RFC 3986 unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Makes what an entry says, or says with a `SetAside` fault why there is none.
pub(super) fn story(
    options: &Options,
    content: Content,
    (article, record): (&Article, &ArticleRecord),
    faults: &mut Vec<Fault>,
) -> Option<Story> {
    Maker { options, content, article, faults }.story(record)
}

/// The article's own address, else one made of the pattern (`{slug}` and `{id}` are filled in); `None` if there is neither.
#[must_use]
pub fn address(article: &Article, pattern: Option<&str>) -> Option<WebUrl> {
    let own = article.url.as_deref().and_then(WebUrl::parse);
    own.or_else(|| WebUrl::parse(&patterned(article, pattern?)?))
}

fn patterned(article: &Article, pattern: &str) -> Option<String> {
    let segment = |text: &str| utf8_percent_encode(text, SEGMENT).to_string();
    let slug = article.slug.as_deref().map(str::trim).filter(|slug| !slug.is_empty());
    if pattern.contains("{slug}") && slug.is_none() {
        return None;
    }
    let with_slug = pattern.replace("{slug}", &segment(slug.unwrap_or_default()));
    Some(with_slug.replace("{id}", &segment(article.id.as_str())))
}

struct Maker<'a> {
    options: &'a Options,
    content: Content,
    article: &'a Article,
    faults: &'a mut Vec<Fault>,
}

impl Maker<'_> {
    fn story(mut self, record: &ArticleRecord) -> Option<Story> {
        let article = self.article;
        let Some(title) = self.plain("title", Some(&article.title), TITLE_CHARS_MAX) else {
            return self.set_aside(FaultCode::TitleMissing, "");
        };
        let Some((link, base)) = self.link() else {
            return self.set_aside(FaultCode::LinkMissing, article.url.as_deref().unwrap_or_default());
        };
        let updated = record.updated.max(record.published);
        if ![record.published, updated].iter().all(|at| YEARS.contains(&at.with_timezone(&self.options.zone).year())) {
            return self.set_aside(FaultCode::StampAbsurd, &updated.to_string());
        }
        let (id, guid) = ids(&self.options.identity, &article.id, record.guid.as_deref());
        let lead = self.text("lead", article.lead.as_deref());
        let full = self.content == Content::Full;
        let body = if full || lead.is_none() { self.body(&base) } else { None };
        let summary = lead.or_else(|| self.excerpt(body.as_ref()?));
        Some(Story {
            article: article.id.clone(),
            id,
            guid,
            link,
            title,
            published: record.published,
            updated,
            summary,
            content: body.filter(|_| full),
            correction: self.text("correction", article.correction.as_deref()),
            authors: self
                .text("byline", article.byline.as_deref())
                .map(|line| byline::authors(&line))
                .unwrap_or_default(),
            media: self.media(full),
            language: self.language(),
            rights: self.text("rights", article.rights.as_deref()).filter(|rights| !self.is_site_rights(rights)),
            point: article.point,
        })
    }

    fn fault(&mut self, code: FaultCode, detail: impl std::fmt::Display) {
        let fault = Fault::of_article(&self.article.id, code, detail);
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    fn set_aside<T>(&mut self, code: FaultCode, detail: &str) -> Option<T> {
        self.fault(code, detail);
        None
    }

    fn text(&mut self, field: &str, text: Option<&str>) -> Option<XmlText> {
        self.plain(field, text, TEXT_CHARS_MAX)
    }

    /// A field as plain text; `None` where nothing visible is left.
    fn plain(&mut self, field: &str, text: Option<&str>, chars_max: usize) -> Option<XmlText> {
        let text = text?;
        if !XmlText::is_clean(text) {
            self.fault(FaultCode::CharactersForbidden, field);
        }
        let whole = plain(text);
        let cut = XmlText::new(&html::excerpt(&whole, chars_max));
        if cut.len() < whole.len() {
            self.fault(FaultCode::TextTooLong, field);
        }
        (!cut.is_empty()).then_some(cut)
    }

    /// The article's address, also as the base of addresses in the body.
    fn link(&self) -> Option<(WebUrl, Url)> {
        let link = address(self.article, self.options.article_url.as_deref())?;
        let base = Url::parse(link.as_str()).ok()?;
        Some((link, base))
    }

    fn body(&mut self, base: &Url) -> Option<SafeHtml> {
        let body = self.article.body_html.as_deref()?;
        if !XmlText::is_clean(body) {
            self.fault(FaultCode::CharactersForbidden, "body_html");
        }
        match html::sanitise(body, base, &self.options.html) {
            Ok(sanitised) => {
                if sanitised.unsafe_removed {
                    self.fault(FaultCode::HtmlUnsafe, "body_html");
                }
                (!sanitised.html.trim().is_empty()).then_some(sanitised.html)
            }
            Err(too_large) => {
                self.fault(FaultCode::BodyTooLarge, too_large);
                None
            }
        }
    }

    fn excerpt(&self, body: &SafeHtml) -> Option<XmlText> {
        let excerpt = XmlText::new(&html::excerpt(&plain(body), self.options.excerpt_chars_max));
        (!excerpt.is_empty()).then_some(excerpt)
    }

    /// The picture to show first comes first; without `all` it is the only one.
    fn media(&mut self, all: bool) -> Vec<Media> {
        let rows: Vec<_> = self.article.media.iter().collect();
        let mut usable: Vec<(&article::Media, Media)> = Vec::new();
        for row in rows {
            match self.file(row) {
                Some(file) => usable.push((row, file)),
                None => self.fault(FaultCode::MediaUnusable, &row.url),
            }
        }
        let is_picture = |(_, file): &(_, Media)| file.medium == Some(Medium::Image);
        let is_main = |(row, _): &(&article::Media, _)| row.role.as_deref() == Some(MAIN_ROLE);
        let first = usable
            .iter()
            .position(|row| is_main(row) && is_picture(row))
            .or_else(|| usable.iter().position(is_picture));
        let first = first.map(|at| usable.remove(at));
        let rest = usable.into_iter().filter(|_| all);
        first.into_iter().chain(rest).map(|(_, file)| file).take(MEDIA_MAX).collect()
    }

    fn file(&mut self, row: &article::Media) -> Option<Media> {
        let url = WebUrl::parse(&row.url)?;
        let mime_type = row.mime_type.as_deref().and_then(MimeType::parse).or_else(|| MimeType::of_address(&url));
        let medium = mime_type.as_ref().and_then(MimeType::medium);
        let caption = self.text("caption", row.caption.as_deref());
        let alt = self.text("alt", row.alt.as_deref()).filter(|alt| Some(alt) != caption.as_ref());
        let credit = self.text("credit", row.credit.as_deref());
        let pixels = |pixels: Option<u32>| pixels.filter(|pixels| *pixels > 0);
        let (width, height) = (pixels(row.width), pixels(row.height));
        Some(Media {
            url,
            mime_type,
            medium,
            length: row.length,
            width,
            height,
            duration: row.duration,
            caption,
            credit,
            alt,
        })
    }

    fn language(&mut self) -> Option<LanguageTag> {
        let stored = self.article.language.as_deref().map(str::trim).filter(|tag| !tag.is_empty())?;
        let Some(tag) = LanguageTag::parse(stored) else {
            self.fault(FaultCode::LanguageUnusable, stored);
            return None;
        };
        (!tag.as_str().eq_ignore_ascii_case(&self.options.language)).then_some(tag)
    }

    fn is_site_rights(&self, rights: &XmlText) -> bool {
        self.options.rights.as_deref().is_some_and(|site| plain(site) == *rights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::article::ArticleId;
    use crate::domain::scope::Scope;
    use crate::feed::model::Entry;
    use crate::feed::testing::{MORNING, article, at, built, front_page, options, record};

    /// The entry of an article that a test changed, with the codes of its faults.
    fn made(change: impl FnOnce(&mut Article)) -> (Option<Entry>, Vec<FaultCode>) {
        made_as(Content::Full, change)
    }

    fn made_as(content: Content, change: impl FnOnce(&mut Article)) -> (Option<Entry>, Vec<FaultCode>) {
        let mut article = article("7");
        change(&mut article);
        let mut built = built(&options(), &Scope::All, content, &[article], &[]);
        (built.feed.entries.pop(), built.faults.iter().map(|fault| fault.code).collect())
    }

    fn entry_of(change: impl FnOnce(&mut Article)) -> Entry {
        made(change).0.unwrap()
    }

    #[test]
    fn what_cannot_be_published_is_set_aside() {
        let check = |expect: FaultCode, change: fn(&mut Article)| {
            let (entry, faults) = made(change);
            assert_eq!((entry.is_none(), faults), (true, vec![expect]));
        };
        check(FaultCode::TitleMissing, |article| article.title = "<b> </b>".to_owned());
        check(FaultCode::LinkMissing, |article| {
            article.url = Some("/tin.htm".to_owned());
            article.slug = None;
        });
        check(FaultCode::StampAbsurd, |article| article.published_at = Some(at("9999-12-31T23:59:59-07:00")));
    }

    #[test]
    fn what_can_be_mended_goes_out() {
        let check = |expect: FaultCode, change: fn(&mut Article)| {
            let (entry, faults) = made(change);
            assert_eq!((entry.is_some(), faults), (true, vec![expect]));
        };
        check(FaultCode::CharactersForbidden, |article| article.title.push('\u{8}'));
        check(FaultCode::TextTooLong, |article| article.title = "tin ".repeat(TITLE_CHARS_MAX));
        check(FaultCode::BodyTooLarge, |article| article.body_html = Some("x".repeat(1_001)));
        check(FaultCode::HtmlUnsafe, |article| article.body_html = Some("<p>x</p><script>x</script>".to_owned()));
        check(FaultCode::LanguageUnusable, |article| article.language = Some("tiếng Việt".to_owned()));
        check(FaultCode::MediaUnusable, |article| {
            article.media.push(article::Media { url: "anh.jpg".to_owned(), ..Default::default() });
        });
    }

    #[test]
    fn addresses_come_from_the_store_or_the_pattern() {
        let check = |expect: &str, change: fn(&mut Article)| assert_eq!(entry_of(change).link.as_str(), expect);
        check("https://baovidu.example/7.htm", |_| {});
        check("https://baovidu.example/tin-7.htm", |article| article.url = None);
        check("https://baovidu.example/tin-7.htm", |article| article.url = Some("ftp://a.example/".to_owned()));
        check("https://baovidu.example/%7Bid%7D%2F..%2F%C4%91-a%2Fb.htm", |article| {
            article.url = None;
            article.slug = Some("{id}/../đ".to_owned());
            article.id = ArticleId::new("a/b");
        });
    }

    #[test]
    fn the_beginning_of_the_body_stands_for_a_missing_lead() {
        let entry = entry_of(|article| article.lead = Some(" <p></p> ".to_owned()));
        assert_eq!(entry.summary.as_deref(), Some("Cầu dài 62 mét."));
        let entry = entry_of(|article| {
            article.lead = None;
            article.body_html = Some("<p>Chiếc cầu mới bắc qua suối đã thông xe vào sáng nay</p>".to_owned());
        });
        assert_eq!(entry.summary.as_deref(), Some("Chiếc cầu mới bắc qua suối đã thông xe…"));
        let entry = entry_of(|article| (article.lead, article.body_html) = (None, None));
        assert_eq!((entry.summary_html(), entry.content_html()), (None, None));
    }

    #[test]
    fn a_correction_stands_first_and_is_escaped() {
        let entry = entry_of(|article| article.correction = Some("26 mét < 62 mét".to_owned()));
        let correction = "<p><strong>Đính chính:</strong> 26 mét &lt; 62 mét</p>";
        assert_eq!(entry.summary_html(), Some(format!("{correction}<p>Xe đã qua cầu.</p>")));
        assert_eq!(entry.content_html(), Some(format!("{correction}<p>Cầu dài 62 mét.</p>")));
        assert_eq!(entry.summary_text().as_deref(), Some("Đính chính: 26 mét < 62 mét\n\nXe đã qua cầu."));
    }

    #[test]
    fn categories_are_self_and_ancestors_with_an_address() {
        let entry = entry_of(|article| {
            article.categories = ["3", "2", "1", "unknown"].map(crate::domain::category::CategoryId::new).into();
        });
        let terms: Vec<_> =
            entry.filed.categories.iter().map(|term| (term.slug.as_str(), term.name.as_str())).collect();
        assert_eq!(terms, [("muc-2", "Giao thông"), ("muc-1", "Kinh tế")]);
    }

    #[test]
    fn the_main_picture_comes_first_and_alone_in_summaries() {
        let file = |name: &str, role: Option<&str>| article::Media {
            url: format!("https://a.example/{name}"),
            role: role.map(str::to_owned),
            width: Some(0),
            caption: Some("Cầu".to_owned()),
            alt: Some("Cầu".to_owned()),
            ..Default::default()
        };
        let rows =
            vec![file("a.mp4", Some("main")), file("b.jpg", None), file("c.JPG?x", Some("main")), file("d", None)];
        let names = |content| {
            let (entry, faults) = made_as(content, |article| article.media = rows.clone());
            assert_eq!(faults, []);
            let media = entry.unwrap().media.clone();
            assert!(media.iter().all(|media| media.width.is_none() && media.alt.is_none()));
            media.iter().map(|media| media.url.as_str().replace("https://a.example/", "")).collect::<Vec<_>>()
        };
        assert_eq!(names(Content::Full), ["c.JPG?x", "a.mp4", "b.jpg", "d"]);
        assert_eq!(names(Content::Summary), ["c.JPG?x"]);
    }

    #[test]
    fn language_and_rights_are_said_where_they_differ() {
        let entry = entry_of(|article| {
            article.language = Some("VI".to_owned());
            article.rights = Some(" ".to_owned());
        });
        assert_eq!((&entry.language, &entry.rights), (&None, &None));
        let entry = entry_of(|article| {
            article.language = Some("en".to_owned());
            article.rights = Some("© A".to_owned());
        });
        assert_eq!(entry.language.as_ref().map(LanguageTag::as_str), Some("en"));
        assert_eq!(entry.rights.as_deref(), Some("© A"));
    }

    #[test]
    fn instants_are_the_ledgers() {
        let article = Article { updated_at: Some(at("2026-11-19T00:00:00+07:00")), ..article("7") };
        assert!(record(&article).updated < record(&article).published);
        let entry = front_page(&[article]).feed.entries.remove(0);
        assert_eq!((entry.published, entry.updated), (at(MORNING), at(MORNING)), "never before publication");
    }
}
