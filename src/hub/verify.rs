//! Asks callbacks whether they mean it (WebSub 5.3), and tells them that a subscription is denied (5.2).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::challenge::{challenge, chance};
use super::{CLAIM_MARGIN, Hub, LOOK_EVERY, after};
use crate::observe::metrics::{self, Verified};
use crate::outgoing::callback::Callback;
use crate::outgoing::egress::{Message, Reply, SendError};
use crate::publish::Published as _;
use crate::publish::document::Encoding;
use crate::state::StateError;
use crate::state::push::{Request, Verdict, Wish};

/// More are taken when one part in so many of those that may be under way is free.
const FREE_PART: usize = 4;
/// How long a verification waits for the document: with its own time less than a claim lasts.
const DOCUMENT_TIMEOUT: Duration = Duration::from_secs(2);
/// What is read of an answer that counts for nothing.
const NOTHING_BYTES: usize = 0;

/// Verifies what is asked for until it is told to stop. What is under way then is asked again by the next process.
pub(super) async fn run(hub: &Arc<Hub>, stop: &CancellationToken) {
    let mut under_way = JoinSet::new();
    let mut more = true;
    while !stop.is_cancelled() {
        if more {
            more = take(hub, &mut under_way).await;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            Some(ended) = under_way.join_next() => {
                // The next one of its host may be asked.
                more = true;
                if let Err(error) = ended {
                    tracing::error!(%error, "a verification ended by a panic");
                }
            }
            () = hub.asked.notified() => more = true,
            () = sleep(LOOK_EVERY) => more = true,
        }
    }
    under_way.shutdown().await;
}

/// Takes as many as may be under way. True: there may be more.
async fn take(hub: &Arc<Hub>, under_way: &mut JoinSet<()>) -> bool {
    let max = hub.options.verifications_max;
    let free = max.saturating_sub(under_way.len());
    // A claim costs a commit.
    if free == 0 || free < max / FREE_PART {
        return true;
    }
    let now = hub.clock.now();
    let until = after(now, hub.options.verification_timeout + CLAIM_MARGIN);
    match hub.subscriptions.claim_requests(free, hub.options.verifications_per_host_max, now, until).await {
        Ok(requests) => {
            let more = requests.len() == free;
            for request in requests {
                under_way.spawn(one(Arc::clone(hub), request));
            }
            more
        }
        Err(error) => {
            tracing::warn!(%error, "requests to the hub cannot be read");
            false
        }
    }
}

async fn one(hub: Arc<Hub>, mut request: Request) {
    if let Err(error) = follow_place(&hub, &mut request).await {
        tracing::warn!(%error, "a request cannot follow its place, trying again");
        return;
    }
    let is_led_on = || hub.publisher.leads_to(&request.asked.key.scope) != request.asked.key.scope;
    let verdict = match verdict(&hub, &request).await {
        Verdict::Confirmed { .. } if is_led_on() => unasked(&hub),
        verdict => verdict,
    };
    let host = &request.asked.host;
    tracing::debug!(push.host = host, ?verdict, "a callback was asked");
    // What cannot be written down is asked again when the claim is over.
    if let Err(error) = hub.subscriptions.settle_request(&request, &verdict, hub.clock.now()).await {
        tracing::warn!(%error, push.host = host, "what a callback said cannot be written down");
        return;
    }
    if is_led_on() {
        // Between the last look and the commit: whoever was led on then was without this one.
        hub.strayed.store(true, Ordering::SeqCst);
        hub.due.notify_one();
    }
    metrics::push_verified(match verdict {
        Verdict::Confirmed { .. } => Verified::Confirmed,
        Verdict::Dropped => Verified::Dropped,
        Verdict::Postponed { .. } => Verified::Postponed,
    });
}

/// If its place has gone into another one since it was asked for, it is of that one, like the subscription that it may be about.
async fn follow_place(hub: &Hub, request: &mut Request) -> Result<(), StateError> {
    let scope = &mut request.asked.key.scope;
    let to = hub.publisher.leads_to(scope);
    if to != *scope {
        let pair = (std::mem::replace(scope, to.clone()), to);
        hub.subscriptions.rehome(&[pair], hub.clock.now()).await?;
    }
    Ok(())
}

async fn verdict(hub: &Hub, request: &Request) -> Verdict {
    let asked = &request.asked;
    let Ok(callback) = Callback::parse(&asked.callback) else { return Verdict::Dropped };
    let has_ended = || hub.publisher.public_address(&asked.key, &hub.options.base_url).is_none();
    let (mode, lease) = match &asked.wish {
        // Since it was asked for: nothing would ever come.
        Wish::Subscribe { .. } if has_ended() => return Verdict::Dropped,
        Wish::Subscribe { lease_s, .. } => ("subscribe", Some(lease_s.to_string())),
        Wish::Unsubscribe => ("unsubscribe", None),
        Wish::Deny { reason } => return deny(hub, request, &callback, reason).await,
    };
    // What it has, before it is asked: whatever comes after that is owed.
    let sequence = match timeout(DOCUMENT_TIMEOUT, hub.publisher.document(&asked.key, Encoding::Identity)).await {
        Ok(Ok(document)) => document.sequence(),
        _ if mode == "unsubscribe" => 0,
        // As after a start.
        _ => return unasked(hub),
    };
    let Ok(challenge) = challenge() else { return unasked(hub) };
    let mut parameters = vec![("hub.mode", mode), ("hub.topic", &asked.topic), ("hub.challenge", &challenge)];
    parameters.extend(lease.as_deref().map(|lease| ("hub.lease_seconds", lease)));
    let asked_at = hub.clock.now();
    match get(hub, &callback, &parameters, challenge.len()).await {
        Ok(reply) if is_echo(&reply, &challenge) => Verdict::Confirmed { asked_at, sequence },
        Ok(reply) if reply.status.is_server_error() => postponed(hub, request),
        Ok(_) => Verdict::Dropped,
        Err(error) => failed(hub, request, &error),
    }
}

/// Success is any 2xx with the challenge and not a byte more (H33).
fn is_echo(reply: &Reply, challenge: &str) -> bool {
    reply.status.is_success() && reply.whole && reply.body == challenge.as_bytes()
}

/// Whatever it answers, it was told.
async fn deny(hub: &Hub, request: &Request, callback: &Callback, reason: &str) -> Verdict {
    let parameters = [("hub.mode", "denied"), ("hub.topic", request.asked.topic.as_str()), ("hub.reason", reason)];
    match get(hub, callback, &parameters, NOTHING_BYTES).await {
        Ok(_) => Verdict::Dropped,
        Err(error) => failed(hub, request, &error),
    }
}

async fn get(
    hub: &Hub,
    callback: &Callback,
    parameters: &[(&str, &str)],
    reply_bytes_max: usize,
) -> Result<Reply, SendError> {
    let message = Message {
        method: Method::GET,
        target: callback.target_with(parameters),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        total_timeout: hub.options.verification_timeout,
        reply_bytes_max,
    };
    hub.egress.send(callback, message, None).await.reply
}

fn failed(hub: &Hub, request: &Request, error: &SendError) -> Verdict {
    match error {
        SendError::Refused(_) => Verdict::Dropped,
        SendError::Busy => unasked(hub),
        _ => postponed(hub, request),
    }
}

/// Ours to mend: asked as soon as it is, and that was no try.
fn unasked(hub: &Hub) -> Verdict {
    Verdict::Postponed { until: after(hub.clock.now(), hub.options.verification_retry.first), tries: 0 }
}

/// Asked again, unless that was done often enough: then it stays as it was, and who wants to subscribe asks once more.
fn postponed(hub: &Hub, request: &Request) -> Verdict {
    if request.attempts + 1 >= hub.options.verification_tries_max {
        return Verdict::Dropped;
    }
    let pause: Duration = hub.options.verification_retry.pause(request.attempts, chance());
    Verdict::Postponed { until: after(hub.clock.now(), pause), tries: 1 }
}
