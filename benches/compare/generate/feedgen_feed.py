"""python-feedgen. Prints microseconds per feed and leaves the last one in a file."""

from feedgen.feed import FeedGenerator

from loop import entries, measure


def feed(site, items, full):
    made = FeedGenerator()
    made.load_extension("dc")
    made.title(site["title"])
    made.link(href=site["home_page_url"], rel="alternate")
    made.link(href=site["feed_url"], rel="self")
    made.description(site["description"])
    made.language("vi")
    for item in items:
        entry = made.add_entry(order="append")
        entry.guid(item["id"], permalink=False)
        entry.title(item["title"])
        entry.link(href=item["url"])
        entry.description(item["summary"])
        entry.pubDate(item["date_published"])
        entry.dc.dc_creator(item["authors"][0]["name"])
        for tag in item["tags"]:
            entry.category(term=tag)
        entry.enclosure(item["image"], "183000", "image/jpeg")
        if full:
            entry.content(item["content_html"], type="CDATA")
    return made.rss_str().decode()


measure(feed, *entries())
