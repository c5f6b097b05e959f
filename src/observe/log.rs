//! The log: one line an event, to standard error.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

/// Libraries whose every event at `info` is noise: they are heard from `warn` on.
const QUIET: [&str; 4] = ["hyper", "hyper_util", "sqlx", "html5ever"];

/// How to log.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// One JSON object a line, else text for people.
    pub json: bool,
    /// The least important level that is written.
    pub level: tracing::Level,
}

/// Starts the log of this process. Only the first call counts.
pub fn start(options: &Options) {
    let quiet = options.level.min(tracing::Level::WARN);
    let filter = Targets::new().with_default(options.level).with_targets(QUIET.map(|target| (target, quiet)));
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false);
    let lines = if options.json {
        lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
    } else {
        // Colours are for terminals, and what an article's title holds must not reach one as a control sequence.
        lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).compact().boxed()
    };
    drop(tracing_subscriber::registry().with(lines.with_filter(filter)).try_init());
}
