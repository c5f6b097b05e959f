//! The newspaper as a whole.

use std::io::Write as _;

use super::prose::{LEAD_CHARS, TITLE_CHARS};
use super::*;
use crate::domain::article::Status;

fn newsroom(seed: u64, articles: u64) -> Newsroom {
    Newsroom::new(Options { articles, seed, anchor: anchor() }).unwrap()
}

fn anchor() -> Timestamp {
    "2026-11-22T22:00:00Z".parse().unwrap()
}

fn share(articles: &[Article], wanted: impl Fn(&Article) -> bool) -> f64 {
    let count = |n: usize| f64::from(u32::try_from(n).unwrap());
    100.0 * count(articles.iter().filter(|article| wanted(article)).count()) / count(articles.len())
}

#[test]
fn the_same_options_give_the_same_newspaper() {
    let all = |seed| newsroom(seed, 200).articles().collect::<Vec<_>>();
    assert_eq!(all(1), all(1));
    assert_ne!(all(1), all(2));
    assert_eq!(all(1).len(), 200);
}

#[test]
fn titles_and_leads_have_the_lengths_of_a_newspaper() {
    for article in newsroom(1, 3000).articles() {
        let nfc = |text: &str| crate::text::normalize::nfc(text).chars().count();
        let (title, lead) = (nfc(&article.title), nfc(article.lead.as_deref().unwrap()));
        assert!(TITLE_CHARS.contains(&title), "{title}: {}", article.title);
        assert!(LEAD_CHARS.contains(&lead), "{lead}: {:?}", article.lead);
    }
}

#[test]
fn bodies_need_no_escaping_and_have_no_gaps() {
    for article in newsroom(1, 500).articles() {
        let body = article.body_html.unwrap();
        let text = crate::text::html::plain_text(&body);
        assert!(!text.contains(['<', '>', '&', '"', '{', '}', ';']), "{text}");
        assert!(!body.contains("  ") && !body.contains(" ,") && !body.contains("<p></p>"), "{body}");
    }
}

#[test]
fn it_has_some_of_everything() {
    let articles: Vec<Article> = newsroom(1, 3000).articles().collect();
    let check = |name: &str, from: f64, to: f64, wanted: &dyn Fn(&Article) -> bool| {
        let percent = share(&articles, wanted);
        assert!((from..=to).contains(&percent), "{name}: {percent} %, expected {from} to {to}");
    };
    check("withdrawn", 0.1, 0.8, &|a| a.status == Status::Withdrawn);
    check("draft", 0.1, 0.6, &|a| a.status == Status::Draft);
    check("updated", 2.0, 5.0, &|a| a.updated_at > a.published_at && a.status == Status::Published);
    check("corrected", 0.1, 1.0, &|a| a.correction.is_some());
    check("scheduled", 0.1, 0.1, &|a| a.published_at > Some(anchor()));
    check("embargoed", 0.06, 0.07, &|a| a.embargo_until > Some(anchor()));
    check("series", 3.0, 7.0, &|a| a.title.starts_with("Kỳ "));
    check("in the province", 60.0, 70.0, &|a| !a.localities.is_empty());
    check("more than three localities", 0.0, 0.0, &|a| a.localities.len() > 3);
    check("with a point", 12.0, 20.0, &|a| a.point.is_some());
    check("decomposed", 0.5, 1.7, &|a| crate::text::normalize::nfc(&a.title) != a.title.as_str());
    check("no byline", 1.0, 5.0, &|a| a.byline.is_none());
    check("with pictures", 60.0, 95.0, &|a| !a.media.is_empty());
    check("two categories", 8.0, 18.0, &|a| a.categories.len() == 2);
}

#[test]
fn it_compresses_as_real_prose_does() {
    let all = newsroom(1, 60).articles().filter_map(|article| article.body_html).collect::<String>();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(all.as_bytes()).unwrap();
    let permille = encoder.finish().unwrap().len() * 1000 / all.len();
    assert!((300..=350).contains(&permille), "gzip to {permille} of 1000");
}
