//! All integration tests, in one binary: one file per subject.
#![cfg(test)]

mod adopt;
mod browser;
mod complaints;
mod demo_live;
mod feed_golden;
mod feed_rules;
mod find;
mod gazetteer;
mod http;
mod http_conditional;
mod http_limits;
mod import;
mod lists;
mod notices;
mod outgoing;
mod places;
mod places_found;
mod scopes;
mod scopes_apart;
mod service;
mod service_outage;
mod service_process;
mod service_replicas;
mod state;
mod state_notices;
mod store;
mod store_at_rest;
mod succession;
mod support;
mod tables;
mod tables_retold;
mod tidy;
mod tidy_docs;
