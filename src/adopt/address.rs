//! When two addresses are one: old feeds write `http:`, `www.` and counters where the store does not.

use url::Url;

/// Parameters that count visitors and change no page; `utm_*` besides.
const COUNTERS: [&str; 3] = ["fbclid", "gclid", "zarsrc"];
/// What begins the parameters of campaigns.
const CAMPAIGN: &str = "utm_";

/// What two addresses of one page have in common; `None` for what is no address of a web page. Scheme, `www.`, case and
/// port of the host, fragment, counting parameters and a slash at the end do not count; case and order of all else do.
pub(super) fn key(written: &str) -> Option<String> {
    let url = Url::parse(&undoubled(written)).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let host = url.host_str()?;
    // The parser has made the host lower case and taken the scheme's own port out.
    let host = host.strip_prefix("www.").unwrap_or(host);
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let path = url.path().trim_end_matches('/');
    let counts = |name: &str| name.starts_with(CAMPAIGN) || COUNTERS.contains(&name);
    let mut key = format!("{host}{port}{path}");
    for (name, value) in url.query_pairs().filter(|(name, _)| !counts(name)) {
        key.extend(["?", &name, "=", &value]);
    }
    Some(key)
}

/// The address without line breaks in it, and only the second of two that were written as one: the site's own address put
/// before what was an address already (`https://a.vnhttps://a.vn/tin`).
fn undoubled(written: &str) -> String {
    let address: String = written.trim().chars().filter(|c| !c.is_whitespace()).collect();
    let Some((_, rest)) = address.split_once("://") else { return address };
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, _) = rest.split_at(host_end);
    let second = ["https:", "http:"].into_iter().find_map(|scheme| host.strip_suffix(scheme).map(str::len));
    match second {
        Some(at) => rest.split_at(at).1.to_owned(),
        None => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_page_has_one_key() {
        for written in [
            "https://baovidu.example/tin-1.htm",
            "http://baovidu.example/tin-1.htm",
            "HTTPS://WWW.BaoViDu.example:443/tin-1.htm/#binh-luan",
            "https://baovidu.example/tin-1.htm?utm_source=rss&utm_medium=feed&fbclid=x",
            "\n  https://baovidu.example/tin-1.htm\n",
            "https://baovidu.example/\n    tin-1.htm",
            "https://baovidu.examplehttps://baovidu.example/tin-1.htm",
            "https://baovidu.examplehttp://www.baovidu.example/tin-1.htm",
        ] {
            assert_eq!(key(written).as_deref(), Some("baovidu.example/tin-1.htm"), "{written}");
        }
    }

    #[test]
    fn other_pages_have_other_keys() {
        let check = |written: &str, expect: Option<&str>| assert_eq!(key(written).as_deref(), expect, "{written}");
        check("https://baovidu.example/?p=7&utm_term=a&q=b", Some("baovidu.example?p=7?q=b"));
        check("https://baovidu.example/Tin-1.htm", Some("baovidu.example/Tin-1.htm"));
        check("https://baovidu.example:8080/a", Some("baovidu.example:8080/a"));
        check("https://kiem.example/?u=https://baovidu.example/", Some("kiem.example?u=https://baovidu.example/"));
        check("https://baovidu.example/tin-\u{111}\u{1ea7}u", Some("baovidu.example/tin-%C4%91%E1%BA%A7u"));
        check("77", None);
        check("/tin-1.htm", None);
        check("tag:baovidu.example,2022:1", None);
        check("", None);
    }
}
