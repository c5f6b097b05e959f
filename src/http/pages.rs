//! Pages for people, kept until the list that they show changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::publish::document::Body;
use crate::publish::listing::Listing;

/// Bytes of pages kept, without their encodings; when they are used up, all go.
const PAGES_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Pages by their path; empty for the index.
#[derive(Debug, Default)]
pub(super) struct Pages {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    of: Arc<Listing>,
    pages: HashMap<String, Arc<Body>>,
    bytes: usize,
}

impl Pages {
    /// The page of this list that was kept, else the one that is made now; `None` if there is no such page.
    ///
    /// # Errors
    /// What `make` says.
    pub(super) fn page<E>(
        &self,
        listing: &Arc<Listing>,
        path: &str,
        make: impl FnOnce() -> Result<Option<String>, E>,
    ) -> Result<Option<Arc<Body>>, E> {
        if let Some(page) = self.kept(listing, path) {
            return Ok(Some(page));
        }
        // Two who ask at once make it twice, with the same bytes.
        let Some(html) = make()? else { return Ok(None) };
        let page = Arc::new(Body::new(html));
        self.keep(listing, path, &page);
        Ok(Some(page))
    }

    fn kept(&self, listing: &Arc<Listing>, path: &str) -> Option<Arc<Body>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::ptr_eq(&kept.of, listing).then(|| kept.pages.get(path).cloned())?
    }

    fn keep(&self, listing: &Arc<Listing>, path: &str, page: &Arc<Body>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = page.identity().bytes.len();
        if !Arc::ptr_eq(&kept.of, listing) || kept.bytes + bytes > PAGES_BYTES_MAX {
            *kept = Kept { of: Arc::clone(listing), ..Kept::default() };
        }
        kept.bytes += bytes;
        kept.pages.insert(path.to_owned(), Arc::clone(page));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_made_once_for_a_list_and_anew_for_the_next() {
        let (pages, first, second) = (Pages::default(), Arc::<Listing>::default(), Arc::<Listing>::default());
        let mut count = 0;
        let mut ask = |listing: &Arc<Listing>, path: &str, bytes: usize| {
            let make = || {
                count += 1;
                Ok::<_, ()>((path != "khong").then(|| "x".repeat(bytes)))
            };
            (pages.page(listing, path, make).unwrap().is_some(), count)
        };
        assert_eq!(ask(&first, "", 1), (true, 1));
        assert_eq!(ask(&first, "", 1), (true, 1), "kept");
        assert_eq!(ask(&first, "khong", 1), (false, 2));
        assert_eq!(ask(&first, "a", PAGES_BYTES_MAX), (true, 3));
        assert_eq!(ask(&first, "", 1), (true, 4), "made room for a");
        assert_eq!(ask(&second, "", 1), (true, 5), "another list");
    }
}
