//! Work on all cores. A core that is woken for little work costs more than the work.

use rayon::iter::{IndexedParallelIterator as _, IntoParallelIterator as _, ParallelIterator as _};

pub use rayon::join;

/// Items that one core takes at least.
const AT_LEAST: usize = 10;

/// Makes one thing of each item, in their order; on all cores if that is work for `costly` of them, and these are many.
pub fn map<T: Send, R: Send>(items: Vec<T>, costly: usize, make: impl Fn(T) -> R + Send + Sync) -> Vec<R> {
    if costly < 2 * AT_LEAST {
        return items.into_iter().map(make).collect();
    }
    items.into_par_iter().with_min_len(AT_LEAST).map(make).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_stays() {
        for count in [0, 1, 19, 20, 1_000] {
            let items: Vec<usize> = (0..count).collect();
            assert_eq!(map(items.clone(), count, |item| item), items, "{count}");
        }
    }
}
