//! Text: what stands in the store is what a reader sees, and it never breaks the document.

use loa::domain::article::{Article, ArticleId, Media};
use loa::domain::format::Format;
use loa::feed::{Content, Options, render};
use roxmltree::Document;

use super::{entries, newsroom, text_of, value, values};
use crate::support::Database as _;
use crate::support::app::FEEDS;
use crate::support::feed_checker::violations;
use crate::support::feeds::{self, Case};
use crate::support::newsroom::article;
use crate::support::process::run;

/// A document of one article.
fn document(format: Format, content: Content, options: &Options, article: Article) -> String {
    let rendered = render(&Case::of(vec![article], content).build_with(options).feed, format).unwrap();
    assert_eq!((rendered.faults, violations(format, &rendered.body)), (vec![], vec![]));
    rendered.body
}

/// What a browser makes of HTML that has no tags and no other entities than these.
fn decoded(html: &str) -> String {
    html.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[tokio::test]
async fn c23_a_control_character_costs_nothing_but_itself() {
    let controls = [1, 8, 11, 16, 29, 31, 65_534];
    let rows = controls.iter().zip(5..).map(|(code, id)| {
        let with = |text: &str| format!("'Tin {id}, ' || char({code}) || '{text}'");
        let (title, lead, body) = (with("tiêu đề"), with("sapo"), format!("'<p>' || {} || '</p>'", with("thân")));
        article(
            &id.to_string(),
            "10",
            "2026-03-18 07:30:00",
            &[("title", &title), ("lead", &lead), ("body_html", &body)],
        )
    });
    let rows: Vec<String> = rows.collect();
    newsroom(&rows.join("; "), async |db, site, app| {
        for seen in app.everything(&FEEDS).await {
            seen.entries();
        }
        let rss = app.feed("all.rss").await.text();
        assert_eq!(values(&rss, "title").len(), 4 + controls.len());
        for id in 5..12 {
            let text = |name: &str| value(&rss, &format!("article/{id}"), name).unwrap();
            assert_eq!(text("title"), format!("Tin {id}, tiêu đề"));
            assert_eq!(text("description"), format!("Tin {id}, sapo"));
            assert_eq!(text("encoded"), format!("<p>Tin {id}, thân</p>"));
        }

        // Nobody sees such a character, so the editor is told.
        let directory = site.directory.path();
        std::fs::write(directory.join("loa.toml"), format!("store.url = \"{}\"\nfeeds.content = \"full\"\n", db.url()))
            .unwrap();
        let (_, report, said) = run(directory, &["check", "--config", "loa.toml"]);
        assert_eq!(report.matches("characters_forbidden").count(), 3 * controls.len(), "{report}{said}");
    })
    .await;
}

#[test]
fn c24_an_excerpt_is_cut_before_it_is_escaped() {
    let body = "<p>R&amp;D của Công ty A&amp;B: 5 &lt; 6 &amp; 7 &gt; 2 &#8211; &ldquo;tốt&rdquo;</p>";
    let whole = "R&D của Công ty A&B: 5 < 6 & 7 > 2 – “tốt”";
    for excerpt_chars_max in 5..80 {
        let options = Options { excerpt_chars_max, ..feeds::options() };
        let without_lead =
            Article { lead: None, body_html: Some(body.to_owned()), correction: None, ..feeds::article("201001") };
        let of = |format| document(format, Content::Summary, &options, without_lead.clone());
        for (format, name) in [(Format::Rss, "description"), (Format::Atom, "summary")] {
            let body = of(format);
            let html = values(&body, name).remove(0);
            let text = decoded(&html);
            let kept = text.trim_end_matches('…').trim_end();
            assert!(whole.starts_with(kept) && !kept.is_empty(), "{excerpt_chars_max}: {html}");
            let loose =
                html.split('&').skip(1).filter(|rest| !["amp;", "lt;", "gt;"].iter().any(|it| rest.starts_with(it)));
            assert_eq!(loose.collect::<Vec<_>>(), Vec::<&str>::new(), "{excerpt_chars_max}: {html}");
        }
    }
}

#[tokio::test]
async fn c25_the_end_of_a_cdata_section_is_text_like_any_other() {
    let columns = [
        ("title", "'Mảng a[b[0]]> trong tin'"),
        ("lead", "'Sapo ]]> và a[b[0]]>'"),
        ("body_html", "'<pre>if (a[b[0]]>1) { }</pre>'"),
        ("byline", "'Lê ]]> Hòa'"),
        ("rights", "'© ]]>'"),
    ];
    newsroom(&article("5", "10", "2026-03-18 07:30:00", &columns), async |_, _, app| {
        for seen in app.everything(&["all", "category/kinh-te"]).await {
            assert!(seen.entries() >= 4, "{}", seen.path);
        }
        for (path, lead, body) in [("all.rss", "description", "encoded"), ("all.atom", "summary", "content")] {
            let xml = app.feed(path).await.text();
            let text = |name: &str| value(&xml, "article/5", name).unwrap();
            assert_eq!(text("title"), "Mảng a[b[0]]> trong tin", "{path}");
            assert_eq!(decoded(&text(lead)), "Sapo ]]> và a[b[0]]>", "{path}");
            assert_eq!(decoded(&text(body)), "<pre>if (a[b[0]]>1) { }</pre>", "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn c26_html_in_atom_is_escaped() {
    newsroom("", async |_, _, app| {
        let atom = app.feed("all.atom").await.text();
        let document = Document::parse(&atom).unwrap();
        for entry in entries(&document) {
            for name in ["summary", "content"] {
                let node = entry.children().find(|node| node.tag_name().name() == name).unwrap();
                assert_eq!(node.attribute("type"), Some("html"));
                assert!(node.children().all(|child| child.is_text()), "elements within {name}: {atom}");
            }
            assert!(text_of(entry, "content").unwrap().starts_with("<p>Nội dung của tin số "));
        }
    })
    .await;
}

#[tokio::test]
async fn c27_addresses_within_bodies_are_absolute() {
    let body = "'<p><a href=\"/chuyen-de/lua.htm\">a</a> <a href=\"tin-khac.htm\">b</a> <a href=\"?trang=2\">c</a>
        <img src=\"//anh.baovidu.example/a.jpg\"> <img src=\"/anh/b.jpg\"></p>'";
    let columns = [("url", "'https://baovidu.example/kinh-te/tin-5.htm'"), ("body_html", body)];
    newsroom(&article("5", "10", "2026-03-18 07:30:00", &columns), async |_, _, app| {
        for path in ["all.rss", "all.atom", "all.json"] {
            let document = app.feed(path).await.text();
            assert!(!document.contains("xml:base"), "{path}: not honoured by many readers");
            for address in [
                "https://baovidu.example/chuyen-de/lua.htm",
                "https://baovidu.example/kinh-te/tin-khac.htm",
                "https://baovidu.example/kinh-te/tin-5.htm?trang=2",
                "https://anh.baovidu.example/a.jpg",
                "https://baovidu.example/anh/b.jpg",
            ] {
                assert!(document.contains(address), "{path}: {address} in {document}");
            }
        }
        let body = app.entry("all", "5").await.unwrap()["content_html"].as_str().unwrap().to_owned();
        let addresses = body.split(['"', '\'']).skip(1).step_by(2).collect::<Vec<_>>();
        let relative = addresses.iter().filter(|address| address.contains(['/', '?', '.']) && !address.contains("://"));
        assert_eq!(relative.collect::<Vec<_>>(), Vec::<&&str>::new(), "{body}");
    })
    .await;
}

#[test]
fn c28_an_enclosures_length_is_bytes_or_0() {
    let sound = |length| Article {
        media: vec![Media {
            url: "https://anh.baovidu.example/ban-tin.mp3".to_owned(),
            mime_type: Some("audio/mpeg".to_owned()),
            length,
            duration: Some(183),
            ..Media::default()
        }],
        ..feeds::article("201001")
    };
    for (length, expected) in [(None, "0"), (Some(2_931_712), "2931712")] {
        let rss = document(Format::Rss, Content::Full, &feeds::options(), sound(length));
        let tree = Document::parse(&rss).unwrap();
        let enclosure = tree.descendants().find(|node| node.has_tag_name("enclosure")).unwrap();
        assert_eq!(enclosure.attribute("length"), Some(expected), "never the 183 seconds");
        let content = tree.descendants().find(|node| node.tag_name().name() == "content").unwrap();
        assert_eq!(content.attribute("duration"), Some("183"));
    }
}

#[tokio::test]
async fn c29_no_entity_is_escaped_twice() {
    let columns = [
        ("title", "'Giá chè &#8211; R&amp;D &ldquo;tăng&rdquo; 5 &lt; 6'"),
        ("lead", "'K&yacute; ức &amp; hoài niệm'"),
        ("byline", "'A&amp;B'"),
    ];
    newsroom(&article("5", "10", "2026-03-18 07:30:00", &columns), async |_, _, app| {
        let (title, lead) = ("Giá chè – R&D “tăng” 5 < 6", "Ký ức & hoài niệm");
        for (path, description) in [("all.rss", "description"), ("all.atom", "summary")] {
            let xml = app.feed(path).await.text();
            assert_eq!(value(&xml, "article/5", "title").as_deref(), Some(title), "{path}");
            assert_eq!(decoded(&value(&xml, "article/5", description).unwrap()), lead, "{path}");
            assert!(!xml.contains("&amp;#8211") && !xml.contains("&amp;amp;amp"), "{path}: {xml}");
            let read = feed_rs::parser::parse(xml.as_bytes()).unwrap();
            assert!(read.entries.iter().any(|entry| entry.title.as_ref().unwrap().content == title), "{path}");
        }
        let entry = app.entry("all", "5").await.unwrap();
        assert_eq!((&entry["title"], &entry["summary"]), (&title.into(), &lead.into()));
        assert_eq!(entry["authors"][0]["name"], "A&B");
    })
    .await;
}

#[test]
fn c30_zones_are_numbers_and_names_are_no_mail_addresses() {
    let options = Options { zone: chrono_tz::UTC, ..feeds::options() };
    let article = Article { byline: Some("Hà My".to_owned()), id: ArticleId::new("5"), ..feeds::article("201001") };
    let rss = document(Format::Rss, Content::Full, &options, article);
    let date = values(&rss, "pubDate").remove(0);
    assert!(date.ends_with(" +0000"), "{date}");
    assert_eq!(values(&rss, "author"), Vec::<String>::new());
    assert_eq!(values(&rss, "creator"), ["Hà My"]);
    assert!(rss.contains("<dc:creator>"), "{rss}");
}
