//! The subscriber of `loa demo --live`: it gets by push what a reader would have to ask for, and says so. `docs/PUSH.md` has one
//! to begin with; this one lives on loopback and as long as the demo.

use std::time::Duration;

use anyhow::Context as _;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;
use url::Url;
use url::form_urlencoded::Serializer;

use super::{options, output};
use crate::domain::address::FEEDS_PREFIX;
use crate::domain::format::Format;
use crate::outgoing::callback::Callback;
use crate::outgoing::egress::{Egress, EgressOptions, Message};

/// The lease that is asked for: nobody is there to take what comes after the demo.
const LEASE: Duration = Duration::from_mins(5);
/// How often it is asked for; until the hub takes it, more often.
const RENEW_EVERY: Duration = Duration::from_mins(2);
const ASK_EVERY: Duration = Duration::from_secs(1);
/// For one request, ours or the hub's.
const TIMEOUT: Duration = Duration::from_secs(5);
const HEAD_BYTES_MAX: u64 = 16_384;
const BODY_BYTES_MAX: u64 = 8_000_000;

/// Subscribes to the front page and says what comes, until `stop`. What goes wrong ends the subscriber, and not the service.
pub(crate) async fn run(base_url: Url, stop: CancellationToken) {
    let subscribing = async {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("the subscriber cannot listen")?;
        let callback = format!("http://{}/nhan", listener.local_addr()?);
        tokio::try_join!(renew(&base_url, &callback), take(&listener)).map(|_| ())
    };
    tokio::select! {
        () = stop.cancelled() => {}
        ended = subscribing => if let Err(error) = ended {
            tracing::error!("the subscriber of the demo stops: {error:#}");
        }
    }
}

/// Asks the hub again and again; never ends well.
async fn renew(base_url: &Url, callback: &str) -> anyhow::Result<()> {
    let hub = Callback::parse(options::own_hub(base_url).as_str())?;
    let egress =
        Egress::new(EgressOptions { ports: Vec::new(), may_be_local: true, own: None, connect_timeout: TIMEOUT });
    let base = base_url.as_str().trim_end_matches('/');
    let form = Serializer::new(String::new())
        .append_pair("hub.mode", "subscribe")
        .append_pair("hub.topic", &format!("{base}{FEEDS_PREFIX}all.{}", Format::Json))
        .append_pair("hub.callback", callback)
        .append_pair("hub.lease_seconds", &LEASE.as_secs().to_string())
        .finish();
    let mut ticks = interval(ASK_EVERY);
    loop {
        ticks.tick().await;
        let message = Message {
            method: Method::POST,
            target: hub.target(),
            headers: HeaderMap::from_iter([(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            )]),
            body: form.clone().into(),
            total_timeout: TIMEOUT,
            reply_bytes_max: 0,
        };
        match egress.send(&hub, message, None).await.reply {
            Ok(reply) if reply.status == StatusCode::ACCEPTED => {
                ticks = interval(RENEW_EVERY);
                ticks.tick().await; // the first comes at once
            }
            Ok(reply) if reply.status.is_client_error() => anyhow::bail!("the hub answers {}", reply.status),
            // Not yet.
            Ok(_) | Err(_) => {}
        }
    }
}

/// Answers what the hub asks, and takes what it posts, one after the other.
async fn take(listener: &TcpListener) -> anyhow::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        match timeout(TIMEOUT, answer(stream)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a request to the subscriber broke off"),
            Err(_) => tracing::debug!("a request to the subscriber did not come in time"),
        }
    }
}

async fn answer(stream: TcpStream) -> anyhow::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let read = (&mut stream).take(HEAD_BYTES_MAX).read_line(&mut head).await?;
        anyhow::ensure!(read > 0 && head.len() < usize::try_from(HEAD_BYTES_MAX)?, "there is no request");
    }
    let answer = if let Some(challenge) = challenge(&head) {
        // Of a safe type: whoever shows the address to a browser shows what a stranger wrote (WebSub 5.3.1).
        let safe = "Content-Type: application/octet-stream\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n";
        format!("HTTP/1.1 200 OK\r\n{safe}Content-Length: {}\r\n\r\n{challenge}", challenge.len())
    } else {
        let mut body = Vec::new();
        let length = length(&head).min(BODY_BYTES_MAX);
        (&mut stream).take(length).read_to_end(&mut body).await?;
        output::print(&told(&body))?;
        "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_owned()
    };
    stream.write_all(answer.as_bytes()).await?;
    Ok(stream.shutdown().await?)
}

/// What the hub wants to hear, if it asks.
fn challenge(head: &str) -> Option<String> {
    let target = head.strip_prefix("GET ")?.split(' ').next()?;
    let asked = Url::parse("http://127.0.0.1/").ok()?.join(target).ok()?;
    asked.query_pairs().find(|(name, _)| name == "hub.challenge").map(|(_, challenge)| challenge.into_owned())
}

fn length(head: &str) -> u64 {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    lengths.next().and_then(|(_, value)| value.trim().parse().ok()).unwrap_or_default()
}

#[derive(Deserialize)]
struct Pushed {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    title: String,
}

fn told(body: &[u8]) -> String {
    let first = serde_json::from_slice::<Pushed>(body).ok().and_then(|pushed| pushed.items.into_iter().next());
    let newest = first.map(|item| item.title).unwrap_or_default();
    format!("  ⇐ nhận được qua WebSub (pushed to a subscriber): trang đầu, mới nhất «{newest}»\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_hub_says_is_understood() {
        let head = "GET /nhan?hub.mode=subscribe&hub.challenge=a%2Bb HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(challenge(head).as_deref(), Some("a+b"));
        assert_eq!(challenge("GET /nhan?hub.mode=denied HTTP/1.1\r\n\r\n"), None);
        assert_eq!(length("POST /nhan HTTP/1.1\r\ncontent-LENGTH: 17\r\n\r\n"), 17);
        assert_eq!(length("POST /nhan HTTP/1.1\r\n\r\n"), 0);
        assert!(told(br#"{"items":[{"title":"Tin"}]}"#).ends_with("mới nhất «Tin»\n"));
    }
}
