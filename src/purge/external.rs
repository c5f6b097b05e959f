//! An external hub (WebSub 6): it is told which of our documents are new, and gets them by itself.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, header};
use url::Url;
use url::form_urlencoded::Serializer;

use crate::domain::clock::{Clock, Timestamp};
use crate::observe::metrics;
use crate::outgoing::callback::{Callback, NotACallback};
use crate::outgoing::egress::{Egress, Message};

/// A hub of somebody else.
#[derive(Debug)]
pub struct ExternalHub {
    address: Callback,
    egress: Arc<Egress>,
    clock: Arc<dyn Clock>,
    health: Mutex<HubHealth>,
    /// Addresses that it was not told of yet, as was counted last.
    waiting: AtomicUsize,
}

/// How a hub of somebody else is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct HubHealth {
    /// Its address.
    pub url: String,
    /// Did it take the last ping? True before the first one.
    pub ok: bool,
    /// When it last took one, RFC 3339 in UTC.
    pub last_ok: Option<Timestamp>,
}

impl ExternalHub {
    /// A hub that was not told anything yet.
    ///
    /// # Errors
    /// [`NotACallback`]: nothing can be sent to such an address.
    pub fn new(url: &Url, egress: Arc<Egress>, clock: Arc<dyn Clock>) -> Result<Self, NotACallback> {
        let health = Mutex::new(HubHealth { url: url.to_string(), ok: true, last_ok: None });
        Ok(Self { address: Callback::parse(url.as_str())?, egress, clock, health, waiting: AtomicUsize::new(0) })
    }

    /// How it is.
    #[must_use]
    pub fn health(&self) -> HubHealth {
        self.lock().clone()
    }

    /// Says how many addresses wait: of all hubs one number, for their addresses are no labels.
    pub(super) fn count_waiting(&self, addresses: usize) {
        metrics::pings_waiting(self.waiting.swap(addresses, Ordering::Relaxed), addresses);
    }

    /// Tells it that the document at an address of ours is new. An error is a text for the log.
    pub(super) async fn ping(&self, topic: &str, limit: Duration) -> Result<(), String> {
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        let message = Message {
            method: Method::POST,
            target: self.address.target(),
            headers: HeaderMap::from_iter([(header::CONTENT_TYPE, form_type)]),
            body: form(topic).into(),
            total_timeout: limit,
            reply_bytes_max: 0,
        };
        let told = match self.egress.send(&self.address, message, None).await.reply {
            Ok(reply) if reply.status.is_success() => Ok(()),
            Ok(reply) => Err(format!("the answer is {}", reply.status)),
            Err(error) => Err(error.to_string()),
        };
        let mut health = self.lock();
        health.ok = told.is_ok();
        if health.ok {
            health.last_ok = Some(self.clock.now());
        }
        told
    }

    fn lock(&self) -> MutexGuard<'_, HubHealth> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for ExternalHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.address.text())
    }
}

/// What hubs understand: most read `hub.url`, as before the Recommendation, some `hub.topic`.
fn form(topic: &str) -> String {
    Serializer::new(String::new())
        .append_pair("hub.mode", "publish")
        .append_pair("hub.url", topic)
        .append_pair("hub.topic", topic)
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_names_the_topic_in_both_ways() {
        assert_eq!(
            form("https://tin.example/feeds/all.rss"),
            "hub.mode=publish&hub.url=https%3A%2F%2Ftin.example%2Ffeeds%2Fall.rss\
             &hub.topic=https%3A%2F%2Ftin.example%2Ffeeds%2Fall.rss"
        );
    }
}
