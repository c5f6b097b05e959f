//! `loa demo --live`: a newsroom at work beside the service, which finds what it does as it finds everything.

use std::path::PathBuf;
use std::time::Duration;

use chrono::SubsecRound as _;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::output;
use crate::demo::live::{Deed, Live, STORIES_MAX};
use crate::demo::{self, Newsroom};
use crate::domain::address::FEEDS_PREFIX;
use crate::domain::article::Article;
use crate::domain::clock::{Clock as _, SystemClock};
use crate::domain::format::Format;
use crate::import::record::{PublishedFrom, Record};
use crate::import::writer::{WriteError, Writer};

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Work {
    /// Which newspaper.
    pub(crate) newsroom: demo::Options,
    /// Path of its embedded store.
    pub(crate) store: PathBuf,
    /// A deed so often.
    pub(crate) every: Duration,
}

impl Work {
    /// Works until `stop`. What goes wrong ends the work, and not the service.
    pub(crate) async fn run(self, base_url: Url, stop: CancellationToken) {
        if let Err(error) = self.work(&base_url, &stop).await {
            tracing::error!("the newsroom stops working: {error:#}");
        }
    }

    async fn work(&self, base_url: &Url, stop: &CancellationToken) -> anyhow::Result<()> {
        let mut writer = Writer::open(&self.store).await?;
        let newsroom = Newsroom::new(self.newsroom)?;
        let story = first_new(&mut writer, &newsroom).await?;
        let mut live = Live::new(newsroom, story);
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await; // the first comes at once
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = ticks.tick() => {}
            }
            let Some((deed, article)) = live.next(SystemClock.now().trunc_subsecs(0)) else {
                output::note(&format!("all {STORIES_MAX} stories are told; --fresh begins anew"));
                break;
            };
            let said = told(deed, &article, &live.newsroom().feeds_of(&article), base_url);
            writer.write_batch(&[Record { article, published_from: PublishedFrom::Stated }]).await?;
            output::print(&said)?;
        }
        Ok(writer.close().await?)
    }
}

/// The first story that the store does not have: they are written one after the other.
async fn first_new(writer: &mut Writer, newsroom: &Newsroom) -> Result<u64, WriteError> {
    let (mut has, mut has_not) = (0, STORIES_MAX + 1);
    while has_not - has > 1 {
        let middle = u64::midpoint(has, has_not);
        let id = Live::id(newsroom, middle);
        let side = if writer.find(None, Some(id.as_str()), None).await?.is_empty() { &mut has_not } else { &mut has };
        *side = middle;
    }
    Ok(has_not)
}

/// What was done, and the feeds in which to watch it.
fn told(deed: Deed, article: &Article, feeds: &[String], base_url: &Url) -> String {
    let [vietnamese, english] = deed.told();
    let base = base_url.as_str().trim_end_matches('/');
    let addresses: Vec<String> =
        feeds.iter().map(|path| format!("{base}{FEEDS_PREFIX}{path}.{}", Format::Rss)).collect();
    format!("{vietnamese} ({english}) {} «{}» → {}\n", article.id, article.title, addresses.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_start_goes_on_where_the_first_stopped() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(&directory.path().join("articles.sqlite")).await.unwrap();
        let options = demo::Options { articles: 50, seed: 1, anchor: "2026-11-22T22:00:00Z".parse().unwrap() };
        let newsroom = || Newsroom::new(options).unwrap();
        writer.categories(&newsroom().categories()).await.unwrap();
        assert_eq!(first_new(&mut writer, &newsroom()).await.unwrap(), 1);
        let mut live = Live::new(newsroom(), 1);
        while let Some((deed, article)) = live.next(options.anchor)
            && (deed, article.id.as_str()) != (Deed::Publish, "54")
        {
            writer.write_batch(&[Record { article, published_from: PublishedFrom::Stated }]).await.unwrap();
        }
        assert_eq!(first_new(&mut writer, &newsroom()).await.unwrap(), 4);
        writer.close().await.unwrap();
    }
}
