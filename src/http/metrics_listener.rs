//! The private listener: metrics for Prometheus. It shares the public one's accept loop and limits, not its `Host`
//! check: it is scraped by whatever address the operator likes.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::headers::{Answer, Caching, Kind, Writer};
use super::server::{self, Answers, Asked};
use super::{CacheTimes, Limits, errors};
use crate::domain::clock::Clock;

/// Where Prometheus looks.
const METRICS_PATH: &str = "/metrics";
/// The text format's type.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Connections of the private listener: a few scrapers and a curious operator.
const CONNECTIONS_MAX: usize = 16;

struct Metrics<F> {
    render: F,
    writer: Writer,
    clock: Arc<dyn Clock>,
}

/// Answers `/metrics` with what `render` gives, until `shutdown` is cancelled.
pub async fn serve_metrics(
    listener: TcpListener,
    render: impl Fn() -> String + Send + Sync + 'static,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
) {
    let limits = Limits { connections_max: CONNECTIONS_MAX, ..Limits::default() };
    let metrics = Metrics { render, writer: Writer::new(CacheTimes::default()), clock };
    server::run(listener, metrics, limits, shutdown).await;
}

impl<F: Fn() -> String + Send + Sync + 'static> Answers for Metrics<F> {
    fn at_once(&self, _asked: &Asked) -> Option<Response<Bytes>> {
        None // rendering takes its time, and is asked for seldom
    }

    async fn answer(&self, asked: Asked) -> Response<Bytes> {
        let answer = match (&asked.head.method, asked.head.uri.path()) {
            _ if asked.has_body() => errors::answer(StatusCode::BAD_REQUEST),
            (&Method::GET | &Method::HEAD, METRICS_PATH) => {
                Answer::new(Kind::Health, Caching::Never, METRICS_TYPE, (self.render)())
            }
            (&Method::GET | &Method::HEAD, _) => errors::answer(StatusCode::NOT_FOUND),
            _ => errors::answer(StatusCode::METHOD_NOT_ALLOWED),
        };
        self.writer.response(answer, &asked.head.method, self.clock.now())
    }

    fn refuse(&self, status: StatusCode) -> Response<Bytes> {
        self.writer.response(errors::answer(status), &Method::GET, self.clock.now())
    }
}
