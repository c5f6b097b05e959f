//! Which feeds of a list become rows, so that no page grows without end.

use url::Url;

use super::{Link, Site};
use crate::publish::listing::ListedFeed;

/// Deeper rows are indented no further.
const INDENT_MAX: usize = 4;

/// One row.
pub(super) struct Row<'a> {
    /// What it is about.
    pub(super) title: &'a str,
    /// Levels of indentation.
    pub(super) indent: usize,
    /// Its documents, if it has any.
    pub(super) links: Vec<Link>,
    /// Its own page, where that shows more.
    pub(super) page: Option<Url>,
}

/// As many whole levels of the tree as fit; if not even the first fits, its beginning.
pub(super) fn rows<'a>(site: &Site<'_>, feeds: &'a [ListedFeed], rows_max: usize) -> Vec<Row<'a>> {
    let top = feeds.first().map_or(0, |feed| feed.depth);
    let depth_max = depth_that_fits(feeds, top, rows_max);
    let followers = feeds.iter().skip(1).map(Some).chain([None]);
    let row = |(feed, next): (&'a ListedFeed, Option<&ListedFeed>)| {
        let has_more = next.is_some_and(|next| next.depth > depth_max);
        let path = feed.path.as_deref();
        Row {
            title: &feed.title,
            indent: (feed.depth - top.min(feed.depth)).min(INDENT_MAX),
            links: path.map(|path| site.links(path)).unwrap_or_default(),
            page: path.filter(|_| has_more).map(|path| site.page_url(path)),
        }
    };
    feeds.iter().zip(followers).filter(|(feed, _)| feed.depth <= depth_max).take(rows_max).map(row).collect()
}

fn depth_that_fits(feeds: &[ListedFeed], top: usize, rows_max: usize) -> usize {
    let deepest = feeds.iter().map(|feed| feed.depth).max().unwrap_or(top);
    let mut counts = vec![0_usize; deepest + 1];
    for feed in feeds {
        if let Some(count) = counts.get_mut(feed.depth) {
            *count += 1;
        }
    }
    let mut rows = 0;
    let fits = |count: &usize| {
        rows += count;
        rows <= rows_max
    };
    counts
        .iter()
        .take_while({
            let mut fits = fits;
            move |count| fits(count)
        })
        .count()
        .saturating_sub(1)
        .max(top)
}
