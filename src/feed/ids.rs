//! Which id and which guid an article has. What this file decides stands for ever, so it never changes.

use url::Url;

use crate::domain::article::ArticleId;
use crate::domain::entry_id::Identity;
use crate::text::plain::is_visible;
use crate::text::xml_chars::XmlText;

/// The id (an absolute IRI) and the guid (what RSS says) of an article. A stored guid stays as it is but for white space
/// around it and characters that XML forbids.
pub(super) fn ids(identity: &Identity, article: &ArticleId, stored_guid: Option<&str>) -> (XmlText, XmlText) {
    let minted = XmlText::new(&identity.entry_id(article));
    let Some(stored) = stored_guid.map(|guid| XmlText::new(XmlText::new(guid).trim())).filter(|guid| is_visible(guid))
    else {
        return (minted.clone(), minted);
    };
    let id = if is_absolute_iri(&stored) { stored.clone() } else { minted };
    (id, stored)
}

/// An absolute IRI (RFC 3987 section 2.2) as every reader accepts it: for http(s) with a host, for `tag:` and `urn:` of
/// their own form. This rule decides ids that stand for ever, so it never changes.
fn is_absolute_iri(text: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || "-._~:/?#@!$&'()*+,;=%".contains(c);
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let scheme_fits = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    if !scheme_fits || rest.is_empty() || !rest.chars().all(allowed) {
        return false;
    }
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => rest.starts_with("//") && Url::parse(text).is_ok_and(|url| url.has_host()),
        "tag" => is_tag(rest),
        "urn" => is_urn(rest),
        _ => rest.starts_with("//"),
    }
}

/// RFC 4151 section 2.1, after `tag:`.
fn is_tag(rest: &str) -> bool {
    let parts = rest.split_once(':').and_then(|(entity, specific)| Some((entity.split_once(',')?, specific)));
    parts.is_some_and(|((authority, since), specific)| {
        Identity::new(authority, since).is_ok() && !specific.is_empty() && specific.is_ascii()
    })
}

/// RFC 8141 section 2, after `urn:`; a UUID (RFC 9562) in its own form.
fn is_urn(rest: &str) -> bool {
    let Some((space, specific)) = rest.split_once(':') else { return false };
    let space_fits =
        matches!(space.len(), 2..=32) && space.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if space.eq_ignore_ascii_case("uuid") {
        let groups: Vec<_> = specific.split('-').collect();
        let hex = |group: &&str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
        return groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]) && groups.iter().all(hex);
    }
    space_fits
        && !space.starts_with('-')
        && !specific.is_empty()
        && specific.is_ascii()
        && !specific.contains(['/', '?', '#', '&', '~'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::testing::options;

    #[test]
    fn a_stored_guid_is_the_id_only_if_it_is_an_absolute_iri() {
        let minted = "tag:baovidu.example,2022:article/7";
        let check = |guid: &str, expect: (&str, &str)| {
            let (id, guid) = ids(&options().identity, &ArticleId::new("7"), Some(guid));
            assert_eq!((id.as_str(), guid.as_str()), expect);
        };
        check("", (minted, minted));
        check(" \n ", (minted, minted));
        check("77", (minted, "77"));
        check(" bài 77\u{8} ", (minted, "bài 77"));
        for iri in [
            "http://baovidu.example/?p=77",
            "https://baovidu.example/tin-đầu",
            "tag:baovidu.example,2014:bai/77",
            "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "urn:isbn:0451450523",
            "cms://bai/77",
        ] {
            check(iri, (iri, iri));
        }
        for no_iri in [
            "http:77",
            "https://",
            "tag:77",
            "tag:a b,2014:x",
            "urn:x:1",
            "urn:uuid:77",
            "bai:77",
            "77:x",
            "http://a.example/a b",
            ":x",
            "x:",
        ] {
            check(no_iri, (minted, no_iri));
        }
    }
}
