//! One delivery (WebSub 7): the whole document as readers get it, signed where a secret was given.

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use sha2::Sha256;
use tokio::time::{sleep, timeout};

use super::challenge::{chance, hex};
use super::{Hub, after};
use crate::domain::feed_key::FeedKey;
use crate::domain::secret::Secret;
use crate::outgoing::callback::Callback;
use crate::outgoing::egress::{Kept, Message, Reply, SendError, Sent};
use crate::publish::Published as _;
use crate::publish::document::{Document, Encoding};
use crate::state::push::{Delivery, Outcome};

/// `X-Hub-Signature` (WebSub 7.1).
const SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature");
/// How often is looked whether this process has come as far as the ledger.
const BEHIND_PAUSE: Duration = Duration::from_millis(5);
/// How long a delivery waits for its document: with its own time less than a claim lasts.
const DOCUMENT_TIMEOUT: Duration = Duration::from_secs(2);
/// Until then a subscription whose lease is over has ended.
const EXPIRED_PAUSE: Duration = Duration::from_mins(1);
/// Why a subscription is denied after it was confirmed.
const FEED_ENDED: &str = "the feed has ended";
/// When a document that is not to be had is asked for again, or a host that could not be asked.
const UNAVAILABLE_PAUSE: Duration = Duration::from_secs(1);

/// What became of a delivery.
pub(super) struct Posted {
    /// For state.
    pub(super) outcome: Outcome,
    /// Did the host answer sensibly? `None`: it was not asked.
    pub(super) host_is_well: Option<bool>,
    /// A connection for the next one.
    pub(super) kept: Option<Kept>,
    /// The document was not to be had, for nobody.
    pub(super) is_unready: bool,
}

impl Posted {
    pub(super) const fn unasked(outcome: Outcome) -> Self {
        Self { outcome, host_is_well: None, kept: None, is_unready: false }
    }
}

/// Posts the document.
pub(super) async fn deliver(hub: &Hub, delivery: &Delivery, kept: Option<Kept>) -> Posted {
    let released = |pause| Posted::unasked(Outcome::Released { until: after(hub.clock.now(), pause) });
    let Ok(callback) = Callback::parse(&delivery.callback) else {
        return Posted::unasked(Outcome::GivenUp { failure: "the callback is no address".to_owned() });
    };
    if delivery.expires_at <= hub.clock.now() {
        // The lease is over, and nobody has looked at it yet.
        return released(EXPIRED_PAUSE);
    }
    let document = timeout(DOCUMENT_TIMEOUT, document(hub, delivery)).await.ok().flatten();
    let Some(document) = document else { return Posted { is_unready: true, ..released(UNAVAILABLE_PAUSE) } };
    let Some(headers) = headers(hub, &delivery.key, &document, delivery.secret.as_ref()) else {
        // It has no address any more: nothing will come of it, and the subscriber is told (WebSub 5.2).
        if let Err(error) = hub.subscriptions.remove(delivery.subscription, FEED_ENDED, hub.clock.now()).await {
            tracing::warn!(%error, "a subscription of a feed that has ended cannot be ended");
        }
        return released(UNAVAILABLE_PAUSE);
    };
    let message = Message {
        method: Method::POST,
        target: callback.target(),
        headers,
        body: document.identity().bytes.clone(),
        total_timeout: hub.options.delivery_timeout,
        // Its body counts for nothing (H46).
        reply_bytes_max: 0,
    };
    let Sent { reply, kept } = hub.egress.send(&callback, message, kept).await;
    let (outcome, host_is_well) = judged(hub, delivery, document.sequence(), reply);
    Posted { outcome, host_is_well, kept, is_unready: false }
}

/// The document, once this process has come as far as the event.
async fn document(hub: &Hub, delivery: &Delivery) -> Option<Arc<Document>> {
    loop {
        match hub.publisher.document(&delivery.key, Encoding::Identity).await {
            Ok(document) if document.sequence() >= delivery.sequence => return Some(document),
            Ok(_) => sleep(BEHIND_PAUSE).await,
            Err(unavailable) => {
                tracing::debug!(reason = %unavailable, feed.scope = %delivery.key.scope, "a document cannot be pushed yet");
                return None;
            }
        }
    }
}

/// `None` if the feed has no address now.
fn headers(hub: &Hub, key: &FeedKey, document: &Document, secret: Option<&Secret>) -> Option<HeaderMap> {
    let topic = hub.publisher.public_address(key, &hub.options.base_url)?;
    // Self first and `rel` first: some subscribers look no further.
    let hubs = std::iter::once(&hub.options.address).chain(&hub.options.external);
    let link = hubs.fold(format!("<{topic}>; rel=\"self\""), |link, hub| link + &format!(", <{hub}>; rel=\"hub\""));
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(key.format.content_type()));
    headers.insert(header::LINK, link.parse().ok()?);
    if let Some(secret) = secret {
        headers.insert(SIGNATURE, signature(secret, &document.identity().bytes)?.parse().ok()?);
    }
    Some(headers)
}

fn signature(secret: &Secret, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).ok()?;
    mac.update(body);
    Some(format!("sha256={}", hex(&mac.finalize().into_bytes())))
}

/// What an answer means, and whether the host is well.
fn judged(hub: &Hub, delivery: &Delivery, sequence: u64, reply: Result<Reply, SendError>) -> (Outcome, Option<bool>) {
    let reply = match reply {
        Ok(reply) => reply,
        // Asking again would be answered the same, and a stranger's name that leads into our network is no accident.
        Err(error) if error.is_refusal() => return (Outcome::GivenUp { failure: error.to_string() }, Some(false)),
        // It was not asked.
        Err(SendError::Busy) => return (Outcome::Released { until: after(hub.clock.now(), UNAVAILABLE_PAUSE) }, None),
        Err(error) => return (failed(hub, delivery, None, error.to_string()), Some(false)),
    };
    match reply.status {
        status if status.is_success() => (Outcome::Delivered { sequence }, Some(true)),
        StatusCode::GONE => (Outcome::Gone, Some(true)),
        status => {
            let well = !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS;
            (failed(hub, delivery, reply.retry_after.as_deref(), format!("answers {status}")), Some(well))
        }
    }
}

/// Tried again, or given up if it would be too late.
fn failed(hub: &Hub, delivery: &Delivery, retry_after: Option<&str>, failure: String) -> Outcome {
    let (options, now) = (&hub.options, hub.clock.now());
    let own = options.retry.pause(delivery.attempts, chance());
    let pause = retry_after.and_then(|text| options.retry.asked(text, now)).map_or(own, |asked| asked.max(own));
    let until = after(now, pause);
    // The event may be older than the hub: it has had its chances first.
    let has_had = delivery.attempts + 1 >= options.give_up_tries_min;
    if has_had && until > after(delivery.since, options.give_up_after) {
        return Outcome::GivenUp { failure };
    }
    Outcome::Failed { until, failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231 section 4.3.
    #[test]
    fn a_signature_is_that_of_the_bytes() {
        let signed = signature(&Secret::new("Jefe"), b"what do ya want for nothing?").unwrap();
        assert_eq!(signed, "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
