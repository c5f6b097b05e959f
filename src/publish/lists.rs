//! Keeps the lists of feeds: made when they are asked for, and made anew only when they may have become otherwise.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::{Mutex, OnceCell};
use tokio::task::spawn_blocking;

use super::document::Body;
use super::listing::{GroupKind, Listing, listing};
use super::view::{Names, View};
use crate::domain::scope::Scope;
use crate::feed::{self, Outline};

/// The lists of what was published at one moment.
#[derive(Debug)]
struct Kept {
    names: Arc<Names>,
    /// Of the catalog, see [`crate::catalog::Catalog::listing_version`].
    version: u64,
    listing: Arc<Listing>,
    opml: Arc<OnceCell<Arc<Body>>>,
}

/// Keeps the lists.
#[derive(Debug)]
pub(super) struct Lists {
    view: Arc<View>,
    options: Arc<feed::Options>,
    kept: Mutex<Option<Arc<Kept>>>,
}

impl Lists {
    /// Of what is published in a view.
    pub(super) fn new(view: Arc<View>, options: Arc<feed::Options>) -> Self {
        Self { view, options, kept: Mutex::default() }
    }

    /// The feeds that hold articles.
    ///
    /// # Errors
    /// Making the list broke off; the text says how.
    pub(super) async fn listing(&self) -> Result<Arc<Listing>, String> {
        Ok(Arc::clone(&self.kept().await?.listing))
    }

    /// The same as OPML 2.0.
    ///
    /// # Errors
    /// Making it broke off, or it does not come out well-formed; the text says how.
    pub(super) async fn opml(&self) -> Result<Arc<Body>, String> {
        let kept = self.kept().await?;
        let made = kept.opml.get_or_try_init(|| async {
            let (options, listing) = (Arc::clone(&self.options), Arc::clone(&kept.listing));
            let text = spawn_blocking(move || feed::opml(&options, &outlines(&listing))).await;
            text.map_err(|error| error.to_string()).flatten().map(|text| Arc::new(Body::new(text)))
        });
        made.await.map(Arc::clone)
    }

    /// One task makes them, the others wait for that.
    async fn kept(&self) -> Result<Arc<Kept>, String> {
        let mut last = self.kept.lock().await;
        let (names, version) =
            self.view.with_published(|names, catalog| (Arc::clone(names), catalog.listing_version()));
        if let Some(kept) = last.as_ref().filter(|kept| Arc::ptr_eq(&kept.names, &names) && kept.version == version) {
            return Ok(Arc::clone(kept));
        }
        let (view, options) = (Arc::clone(&self.view), Arc::clone(&self.options));
        let made = spawn_blocking(move || make(&view, &options)).await.map_err(|error| error.to_string())?;
        let kept = Arc::new(match last.take() {
            // The same all the same: what was made of it stays good.
            Some(old) if *old.listing == *made.listing => {
                Kept { listing: Arc::clone(&old.listing), opml: Arc::clone(&old.opml), ..made }
            }
            _ => made,
        });
        *last = Some(Arc::clone(&kept));
        Ok(kept)
    }
}

fn make(view: &View, options: &feed::Options) -> Kept {
    // Sorting thousands of names takes longer than the engine may be kept waiting.
    let (names, version, held) = view.with_published(|names, catalog| {
        let held: HashSet<Scope> = catalog.scopes_with_articles().cloned().collect();
        (Arc::clone(names), catalog.listing_version(), held)
    });
    let listing = Arc::new(listing(&names, &held, options));
    Kept { names, version, listing, opml: Arc::default() }
}

/// The groups as the levels above their feeds; the front page feed stands alone before them.
fn outlines(listing: &Listing) -> Vec<Outline<'_>> {
    let mut outlines = Vec::new();
    for group in &listing.groups {
        let is_front = group.kind == GroupKind::Front;
        if !is_front {
            outlines.push(Outline { text: group.kind.heading(), path: None, depth: 0 });
        }
        let depth = usize::from(!is_front);
        outlines.extend(group.feeds.iter().map(|feed| Outline {
            text: &feed.title,
            path: feed.path.as_deref(),
            depth: feed.depth + depth,
        }));
    }
    outlines
}
