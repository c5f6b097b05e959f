//! What a request has to be (WebSub 5.1), before anybody is asked.

use http::StatusCode;
use url::form_urlencoded;

use super::{Leases, RETRY_AFTER, Told};
use crate::domain::secret::Secret;
use crate::outgoing::callback::Callback;
use crate::state::push::Wish;

/// A secret has less than so many bytes.
const SECRET_BYTES: usize = 200;
/// Longest topic, in bytes: ours are shorter.
const TOPIC_BYTES_MAX: usize = 2_000;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A parameter is missing or wrong.
    Bad(String),
    /// By policy.
    Forbidden(String),
    /// The topic is no feed of ours.
    NoTopic,
    /// The topic has ended for good.
    TopicGone,
    /// A limit.
    TooMany(&'static str),
    /// Not for the moment.
    NotNow(&'static str),
}

impl Refusal {
    /// As the client is told.
    pub(super) fn told(self) -> Told {
        let (status, text, again) = match self {
            Self::Bad(text) => (StatusCode::BAD_REQUEST, text, false),
            Self::Forbidden(text) => (StatusCode::FORBIDDEN, text, false),
            Self::NoTopic => (StatusCode::NOT_FOUND, "hub.topic is no feed of ours".to_owned(), false),
            Self::TopicGone => (StatusCode::GONE, "hub.topic was a feed that has ended for good".to_owned(), false),
            Self::TooMany(text) => (StatusCode::TOO_MANY_REQUESTS, text.to_owned(), true),
            Self::NotNow(text) => (StatusCode::SERVICE_UNAVAILABLE, text.to_owned(), true),
        };
        Told { status, text, retry_after: again.then_some(RETRY_AFTER) }
    }
}

/// The parameters that count; all others are ignored.
#[derive(Debug, Default)]
pub(super) struct Form {
    mode: Option<String>,
    topic: Option<String>,
    callback: Option<String>,
    lease_seconds: Option<String>,
    secret: Option<Secret>,
}

/// A request that is one.
#[derive(Debug)]
pub(super) struct Wanted {
    /// As it was written.
    pub(super) topic: String,
    /// Where to.
    pub(super) callback: Callback,
    /// What for.
    pub(super) wish: Wish,
}

impl Form {
    /// Reads a body. Each parameter that counts may stand there once.
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            let value = value.into_owned();
            let twice = match name.as_ref() {
                "hub.mode" => form.mode.replace(value).is_some(),
                "hub.topic" => form.topic.replace(value).is_some(),
                "hub.callback" => form.callback.replace(value).is_some(),
                "hub.lease_seconds" => form.lease_seconds.replace(value).is_some(),
                "hub.secret" => form.secret.replace(Secret::new(value)).is_some(),
                _ => false,
            };
            if twice {
                return Err(Refusal::Bad(format!("{name} is given twice")));
            }
        }
        Ok(form)
    }

    /// Checks everything that can be checked without asking anybody.
    pub(super) fn checked(self, leases: &Leases) -> Result<Wanted, Refusal> {
        let mode = needed("hub.mode", self.mode)?;
        if mode == "publish" {
            let text = "hub.mode=publish is not taken from outside: the newsroom's own changes are what is published";
            return Err(Refusal::Forbidden(text.to_owned()));
        }
        if !matches!(mode.as_str(), "subscribe" | "unsubscribe") {
            return Err(Refusal::Bad("hub.mode is neither subscribe nor unsubscribe".to_owned()));
        }
        let topic = needed("hub.topic", self.topic)?;
        if topic.len() > TOPIC_BYTES_MAX || topic.contains('\0') {
            return Err(Refusal::NoTopic);
        }
        let callback = needed("hub.callback", self.callback)?;
        let callback = Callback::parse(&callback).map_err(|error| Refusal::Bad(format!("hub.callback {error}")))?;
        let wish = if mode == "subscribe" {
            Wish::Subscribe { lease_s: lease(self.lease_seconds.as_deref(), leases)?, secret: secret(self.secret)? }
        } else {
            // Whatever the lease says (H3).
            Wish::Unsubscribe
        };
        Ok(Wanted { topic, callback, wish })
    }
}

fn needed(name: &str, value: Option<String>) -> Result<String, Refusal> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| Refusal::Bad(format!("{name} is missing")))
}

/// A positive decimal integer, brought between the bounds; one too large to be read is the longest.
fn lease(text: Option<&str>, leases: &Leases) -> Result<u32, Refusal> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(leases.default_s) };
    if !text.bytes().all(|byte| byte.is_ascii_digit()) || text.bytes().all(|byte| byte == b'0') {
        return Err(Refusal::Bad("hub.lease_seconds is no positive decimal integer".to_owned()));
    }
    Ok(text.parse().unwrap_or(u32::MAX).clamp(leases.min_s, leases.max_s))
}

/// Bytes, not characters. An empty one is none.
fn secret(secret: Option<Secret>) -> Result<Option<Secret>, Refusal> {
    let Some(secret) = secret.filter(|secret| !secret.expose().is_empty()) else { return Ok(None) };
    if secret.expose().len() >= SECRET_BYTES {
        return Err(Refusal::Bad(format!("hub.secret has {SECRET_BYTES} bytes or more")));
    }
    // What was no UTF-8 is another text by now, with which nobody would sign as the subscriber does; and no database
    // keeps a NUL.
    if secret.expose().contains([char::REPLACEMENT_CHARACTER, '\0']) {
        return Err(Refusal::Bad("hub.secret is no UTF-8, or has a NUL in it".to_owned()));
    }
    Ok(Some(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASES: Leases = Leases { default_s: 1000, min_s: 60, max_s: 5000 };
    const GOOD: &str = "hub.mode=subscribe&hub.topic=https%3A%2F%2Ftin.example%2Ffeeds%2Fall.rss&hub.callback=https%3A%2F%2Fa.example%2Fcb%3Fk%3D1";

    fn checked(more: &str) -> Result<Wanted, Refusal> {
        Form::read(format!("{GOOD}{more}").as_bytes())?.checked(&LEASES)
    }

    fn refused(body: &str) -> String {
        match Form::read(body.as_bytes()).and_then(|form| form.checked(&LEASES)) {
            Ok(wanted) => panic!("{wanted:?}"),
            Err(refusal) => refusal.told().text,
        }
    }

    #[test]
    fn a_lease_is_brought_between_the_bounds() {
        let lease = |more: &str| match checked(more).unwrap().wish {
            Wish::Subscribe { lease_s, .. } => lease_s,
            other => panic!("{other:?}"),
        };
        for (more, expect) in [
            ("", 1000),
            ("&hub.lease_seconds=", 1000),
            ("&hub.lease_seconds=1", 60),
            ("&hub.lease_seconds=61", 61),
            ("&hub.lease_seconds=99999999999999999999", 5000),
        ] {
            assert_eq!(lease(more), expect, "{more}");
        }
        for more in ["0", "-1", "1.5", "a", "+5"] {
            assert!(checked(&format!("&hub.lease_seconds={more}")).is_err(), "{more}");
        }
        let unsubscribe = GOOD.replace("=subscribe", "=unsubscribe") + "&hub.lease_seconds=a";
        assert_eq!(Form::read(unsubscribe.as_bytes()).unwrap().checked(&LEASES).unwrap().wish, Wish::Unsubscribe);
    }

    #[test]
    fn a_secret_has_less_than_200_bytes() {
        let with = |secret: &str| checked(&format!("&hub.secret={secret}"));
        assert!(with(&"a".repeat(199)).is_ok() && with(&"a".repeat(200)).is_err());
        // Two bytes each.
        assert!(with(&"%C4%91".repeat(99)).is_ok() && with(&"%C4%91".repeat(100)).is_err());
        assert!(with("%ED").is_err() && with("a%00").is_err());
        let Wish::Subscribe { secret, .. } = with("").unwrap().wish else { panic!() };
        assert_eq!(secret, None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, expect) in [
            ("", "hub.mode is missing"),
            ("hub.mode=publish&hub.url=x", "not taken from outside"),
            ("hub.mode=ping", "neither subscribe nor unsubscribe"),
            ("hub.mode=subscribe", "hub.topic is missing"),
            ("hub.mode=subscribe&hub.topic=x", "hub.callback is missing"),
            ("hub.mode=subscribe&hub.topic=x&hub.callback=ftp%3A%2F%2Fa.example%2F", "hub.callback "),
            ("hub.mode=subscribe&hub.mode=subscribe", "hub.mode is given twice"),
        ] {
            assert!(refused(body).contains(expect), "{body}: {}", refused(body));
        }
        assert!(checked("&hub.verify=sync&foo=bar&hub.foo=hub.bar&foo=2").is_ok(), "unknown ones are ignored");
    }
}
