//! The hub, put together from the configuration.

use std::sync::Arc;

use url::Url;

use super::options;
use crate::config::Config;
use crate::domain::clock::SystemClock;
use crate::hub::{BreakerOptions, Hub, Leases, Options, Retry};
use crate::outgoing::egress::{Egress, EgressOptions};
use crate::publish::publisher::Publisher;
use crate::state;
use crate::state::push::RequestLimits;

/// The hub, if there is to be one.
pub(crate) async fn hub(
    config: &Config,
    base_url: &Url,
    publisher: &Arc<Publisher>,
) -> anyhow::Result<Option<Arc<Hub>>> {
    if !config.push.enabled {
        return Ok(None);
    }
    let subscriptions = state::open_subscriptions(config.state.url.expose()).await?;
    let egress = Egress::new(EgressOptions {
        ports: config.push.callback_ports.clone(),
        may_be_local: config.push.callbacks_may_be_local,
        own: Some(base_url.clone()),
        connect_timeout: config.push.connect_timeout,
    });
    let (publisher, options) = (Arc::clone(publisher), hub_options(config, base_url));
    Ok(Some(Arc::new(Hub::new(options, subscriptions, publisher, Arc::new(egress), Arc::new(SystemClock)))))
}

fn hub_options(config: &Config, base_url: &Url) -> Options {
    let push = &config.push;
    Options {
        address: options::own_hub(base_url),
        base_url: base_url.clone(),
        external: push.hubs.clone(),
        redirects: config.redirects.clone(),
        leases: Leases {
            default_s: push.lease_default_seconds,
            min_s: push.lease_min_seconds,
            max_s: push.lease_max_seconds,
        },
        limits: RequestLimits {
            subscriptions_max: push.subscriptions_max,
            subscriptions_per_host_max: push.subscriptions_per_host_max,
            requests_per_host_max: push.requests_per_host_max,
            requests_per_client_max: push.requests_per_client_max,
            requests_max: push.requests_max,
        },
        requests_per_client_hour: push.requests_per_client_hour,
        verification_timeout: push.verification_timeout,
        verification_tries_max: push.verification_tries_max,
        verification_retry: Retry { first: push.verification_retry_first, max: push.verification_retry_max },
        verifications_max: push.verifications_max,
        verifications_per_host_max: push.verifications_per_host_max,
        delivery_timeout: push.delivery_timeout,
        deliveries_max: push.deliveries_max,
        deliveries_per_host_max: push.deliveries_per_host_max,
        deliveries_per_unproven_host_max: push.deliveries_per_unproven_host_max,
        deliveries_unproven_max: (push.deliveries_max * push.deliveries_unproven_percent / 100).max(1),
        retry: Retry { first: push.retry_first, max: push.retry_max },
        give_up_after: push.give_up_after,
        give_up_tries_min: push.give_up_tries_min,
        breaker: BreakerOptions {
            failures: push.breaker_failures,
            pause: push.breaker_pause,
            pause_max: push.breaker_pause_max,
        },
        dead_letters_kept: push.dead_letters_keep,
        end_grace: push.shutdown_grace,
    }
}
