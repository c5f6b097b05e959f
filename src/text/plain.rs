//! Plain text for people, made of what a CMS stores.

use super::html;
use super::xml_chars::XmlText;

/// How often markup may be wrapped in markup (`&amp;lt;b&amp;gt;`) before its marks are simply taken out.
const MARKUP_ROUNDS_MAX: usize = 4;

/// Plain text for people: no markup, also not markup that was wrapped in entities, so that a reader who takes a title
/// for HTML shows the same. A lone `<` or `&` stays. Empty where nothing visible is left.
#[must_use]
pub fn plain(text: &str) -> XmlText {
    let round = |text: &str| XmlText::new(&html::plain_text(text));
    let mut plain = round(&XmlText::new(text));
    for _ in 0..MARKUP_ROUNDS_MAX {
        let next = looks_like_markup(&plain).then(|| round(&plain)).filter(|next| *next != plain);
        let Some(next) = next else { return if is_visible(&plain) { plain } else { XmlText::default() } };
        plain = next;
    }
    XmlText::new(&plain.replace(['<', '&'], " "))
}

/// Is there something to see: not only white space, marks of direction and width, or soft hyphens?
#[must_use]
pub fn is_visible(text: &str) -> bool {
    let invisible = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    !text.chars().all(invisible)
}

/// Would a reader who takes the text for HTML find a tag, a comment or an entity in it?
fn looks_like_markup(text: &str) -> bool {
    let opens = |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
    let tag = text.split('<').skip(1).any(opens) && text.contains('>');
    let name = |rest: &str| rest.split_once(';').is_some_and(|(name, _)| is_entity_name(name));
    tag || text.split('&').skip(1).any(name)
}

fn is_entity_name(name: &str) -> bool {
    let digits = name.strip_prefix('#').unwrap_or(name);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_plain_text() {
        let check = |text: &str, expect: &str| assert_eq!(plain(text).as_str(), expect, "{text}");
        check("Giá chè <b>tăng</b> &#8211; R&amp;D", "Giá chè tăng – R&D");
        check("&lt;b&gt;Tin&lt;/b&gt;", "Tin");
        check("&amp;lt;b&amp;gt;Tin&amp;lt;/b&amp;gt;", "Tin");
        check("&lt;\u{1}b&gt;Tin", "Tin");
        check("5 < 6 & 7 > 2", "5 < 6 & 7 > 2");
        check("AT&T; hai", "AT&T; hai");
        check("a &lt; b", "a < b");
        check("🎉 \u{8}Hội", "🎉 Hội");
        check("\u{200b}\u{ad} \u{202e}", "");
        assert!(!plain(&format!("{}lt;b&gt;", "&amp;".repeat(9).replace(';', ";amp;"))).contains("<b"));
    }
}
