//! How often each client has asked within the hour.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::domain::clock::Timestamp;

const HOUR_S: i64 = 3600;

/// Counts by the full hour. A client whose address cannot be told is not counted.
#[derive(Debug)]
pub(super) struct Clients {
    max: u32,
    hour: i64,
    asked: HashMap<IpAddr, u32>,
}

impl Clients {
    /// Nobody has asked.
    pub(super) fn new(max: u32) -> Self {
        Self { max, hour: 0, asked: HashMap::new() }
    }

    /// May this client ask? Counts it.
    pub(super) fn admits(&mut self, client: Option<IpAddr>, now: Timestamp) -> bool {
        let hour = now.timestamp().div_euclid(HOUR_S);
        if self.hour != hour {
            self.hour = hour;
            self.asked.clear();
        }
        let Some(client) = client else { return true };
        let asked = self.asked.entry(network(client)).or_default();
        *asked = asked.saturating_add(1);
        *asked <= self.max
    }
}

/// Of whom an address is: whoever has one of the sixth version has 2^64 of them.
pub(super) fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & (u128::MAX << 64)).into()),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_has_so_many_requests_of_one_client() {
        let mut clients = Clients::new(2);
        let mut asks = |client: &str, minute: i64| {
            clients.admits(client.parse().ok(), Timestamp::from_timestamp(minute * 60, 0).unwrap())
        };
        assert!(
            asks("192.0.2.1", 0) && asks("192.0.2.1", 1) && !asks("192.0.2.1", 59) && !asks("::ffff:192.0.2.1", 59)
        );
        assert!(asks("192.0.2.2", 59), "another client");
        assert!(asks("192.0.2.1", 60), "another hour");
        assert!(asks("2001:db8::1", 60) && asks("2001:db8::2", 60) && !asks("2001:db8::3", 60), "one network");
        assert!((0..9).all(|_| asks("unknown", 60)));
    }
}
