//! Loa publishes a newsroom's articles as feeds. The way of an article, each stage knowing only those before it:
//! `store` -> `catalog` (with `state`, the ledger) -> `feed` -> `publish` -> `http`. See `docs/ARCHITECTURE.md`.

/// Reads a feed of the time before Loa, and finds the articles of its entries.
pub mod adopt;
/// The in-memory index of published articles, and the rules of what comes and goes.
pub mod catalog;
/// The commands.
pub mod cli;
/// Defaults, file, environment, flags.
pub mod config;
/// A self-made newsroom for trying out.
pub mod demo;
/// The nouns: article, category, scope, format, ids, the ledger's records, faults, the clock.
pub mod domain;
/// The neutral feed, and its documents in RSS, Atom and JSON.
pub mod feed;
/// Administrative units of Vietnam: names, codes and the tree at any date.
pub mod gazetteer;
/// Answers requests.
pub mod http;
/// The hub: tells subscribers of every change (WebSub).
pub mod hub;
/// Brings articles into the embedded store: NDJSON, pages as text.
pub mod import;
/// Signals, the tasks of the process, and how they end.
pub mod lifecycle;
/// Logs and metrics.
pub mod observe;
/// Fetches documents of other servers.
pub mod outgoing;
/// Work on all cores.
pub mod parallel;
/// Makes and keeps the documents.
pub mod publish;
/// Tells caches in front of the service, and hubs of others, what has changed.
pub mod purge;
/// Pages for people.
pub mod site;
/// Loa's own durable data: the ledger, addresses, the deny list.
pub mod state;
/// Reads the newsroom's articles.
pub mod store;
/// Text in and out: XML characters, HTML, Unicode forms, slugs, time stamps.
pub mod text;
