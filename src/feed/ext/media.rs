//! Media RSS (rssboard.org/media-rss): every picture, sound and film of an entry with its caption and credit.

use super::Element;
use crate::feed::model::Media;
use crate::feed::values::Medium;

/// With the slash at its end, which many feeds forget.
pub(in crate::feed) const NAMESPACE: &str = "http://search.yahoo.com/mrss/";

/// `media:content`: `media:description` is the caption, `media:credit` who made it, `media:title` what it shows.
pub(in crate::feed) fn content(media: &Media) -> Element {
    let described = |name, text: &Option<_>| text.as_ref().map(|text| Element::new(name).text(text));
    let plain = |element: Element| element.attribute("type", "plain");
    Element::new("media:content")
        .attribute("url", &media.url)
        .maybe("type", media.mime_type.as_deref())
        .maybe("medium", media.medium.map(Medium::as_str))
        .maybe("fileSize", media.length)
        .maybe("width", media.width)
        .maybe("height", media.height)
        .maybe("duration", media.duration)
        .children(described("media:title", &media.alt).map(plain))
        .children(described("media:description", &media.caption).map(plain))
        .children(described("media:credit", &media.credit))
}
