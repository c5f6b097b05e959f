//! The running text of a body, paragraph by paragraph, for those who read it and do not show it.

use super::html::{HtmlLimits, TooLarge, parted, plain_text};

/// A stretch of text that nothing parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paragraph {
    /// Plain text, not empty, white space collapsed.
    pub text: String,
    /// Does it stand below a picture?
    pub is_caption: bool,
}

/// The paragraphs of a body in HTML.
///
/// # Errors
/// [`TooLarge`] where the body is over a limit; nothing of it is parsed then.
pub fn paragraphs(body: &str, limits: &HtmlLimits) -> Result<Vec<Paragraph>, TooLarge> {
    let html = parted(body, limits)?;
    let mut is_caption = false;
    let mut found = Vec::new();
    // Every `<` begins a bare tag.
    for (at, part) in html.split('<').enumerate() {
        let (tag, text) = if at == 0 { ("", part) } else { part.split_once('>').unwrap_or((part, "")) };
        match tag {
            "figcaption" => is_caption = true,
            "/figcaption" => is_caption = false,
            _ => {}
        }
        let text = plain_text(text);
        if !text.is_empty() {
            found.push(Paragraph { text, is_caption });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HtmlLimits = HtmlLimits { bytes_max: 1000, depth_max: 20, attributes_max: 5 };

    #[test]
    fn a_body_is_read_as_people_read_it() {
        let check = |body: &str, expect: &[(&str, bool)]| {
            let found = paragraphs(body, &LIMITS).unwrap();
            let found: Vec<_> = found.iter().map(|one| (one.text.as_str(), one.is_caption)).collect();
            assert_eq!(found, expect, "{body}");
        };
        check("", &[]);
        check("Một đoạn.", &[("Một đoạn.", false)]);
        check("<p>Xã <b>Hùng</b> Lô</p><p>R&amp;D &lt; 5</p>", &[("Xã Hùng Lô", false), ("R&D < 5", false)]);
        check(
            "<figure><img src=a.jpg><figcaption>Ảnh<br>hai dòng</figcaption></figure><p>Sau</p>",
            &[("Ảnh", true), ("hai dòng", true), ("Sau", false)],
        );
        check("<script>alert(1)</script><p>  a\n b </p><p> </p>", &[("a b", false)]);
        assert!(paragraphs(&"x".repeat(1001), &LIMITS).is_err());
    }
}
