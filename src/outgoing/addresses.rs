//! Which addresses are of the public internet. A stranger may have us ask no other: behind those are our own database, our
//! colleagues' printers, and what a cloud tells nobody but its machines.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 addresses that are not public: the first one, and how many bits all of them share.
const NOT_PUBLIC_V4: [(Ipv4Addr, u32); 15] = [
    // This network (RFC 791 section 3.2).
    (Ipv4Addr::UNSPECIFIED, 8),
    // Private (RFC 1918).
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    // Shared behind carriers (RFC 6598).
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    // Loopback (RFC 1122 section 3.2.1.3).
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link-local (RFC 3927), where clouds have their metadata.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    // Private (RFC 1918).
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    // Of protocols (RFC 6890 section 2.1).
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    // In documents (RFC 5737).
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    // Former relays of 6to4 (RFC 7526).
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    // Private (RFC 1918).
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    // Benchmarks (RFC 2544).
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    // In documents (RFC 5737).
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Multicast (RFC 5771).
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    // Reserved (RFC 1112 section 4); the last one is the broadcast to all (RFC 919).
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// All that IPv6 has of public addresses so far (RFC 4291 section 2.4). Outside are those that carry IPv4 (below), and:
/// `::`, `::1` and `::/96` (RFC 4291 sections 2.5.2, 2.5.3 and 2.5.5.1), `64:ff9b:1::/48` (RFC 8215: NAT64 of one network,
/// which alone knows where in it the IPv4 address is), `100::/64` (RFC 6666: thrown away), `fc00::/7` (RFC 4193: private),
/// `fe80::/10` (RFC 4291 section 2.5.6: link-local), `fec0::/10` (RFC 3879: private in former times), `ff00::/8` (RFC 4291
/// section 2.7: multicast).
const UNICAST_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Of these what is not public after all.
const NOT_PUBLIC_V6: [(Ipv6Addr, u32); 3] = [
    // Of protocols (RFC 2928); among them Teredo (RFC 4380), which leads to whichever IPv4 address it names.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    // In documents (RFC 3849).
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // In documents (RFC 9637).
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Is this an address of the public internet?
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => carried(address).map_or_else(|| is_public_v6(address), is_public_v4),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let is_of = |(first, bits): &(Ipv4Addr, u32)| (address.to_bits() ^ first.to_bits()).leading_zeros() >= *bits;
    !NOT_PUBLIC_V4.iter().any(is_of)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let is_of = |(first, bits): &(Ipv6Addr, u32)| (address.to_bits() ^ first.to_bits()).leading_zeros() >= *bits;
    is_of(&UNICAST_V6) && !NOT_PUBLIC_V6.iter().any(is_of)
}

/// The IPv4 address that an IPv6 address leads to: mapped (RFC 4291 section 2.5.5.2), by NAT64 (RFC 6052), or by 6to4
/// (RFC 3056).
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let ([0, 0, 0, 0, 0, 0xffff, high, low]
    | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
    | [0x2002, high, low, _, _, _, _, _]) = address.segments()
    else {
        return None;
    };
    Some(Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use url::{Host, Url};

    use super::*;

    /// First and last of each range, and what is beside it.
    const V4: [(&str, &str); 16] = [
        ("0.0.0.0 0.255.255.255", "1.0.0.0"),
        ("10.0.0.0 10.255.255.255", "9.255.255.255 11.0.0.0"),
        ("100.64.0.0 100.127.255.255", "100.63.255.255 100.128.0.0"),
        ("127.0.0.0 127.0.0.1 127.255.255.255", "126.255.255.255 128.0.0.0"),
        ("169.254.0.0 169.254.169.254 169.254.255.255", "169.253.255.255 169.255.0.0"),
        ("172.16.0.0 172.31.255.255", "172.15.255.255 172.32.0.0"),
        ("192.0.0.0 192.0.0.255", "191.255.255.255 192.0.1.0"),
        ("192.0.2.0 192.0.2.255", "192.0.1.255 192.0.3.0"),
        ("192.88.99.0 192.88.99.255", "192.88.98.255 192.88.100.0"),
        ("192.168.0.0 192.168.255.255", "192.167.255.255 192.169.0.0"),
        ("198.18.0.0 198.19.255.255", "198.17.255.255 198.20.0.0"),
        ("198.51.100.0 198.51.100.255", "198.51.99.255 198.51.101.0"),
        ("203.0.113.0 203.0.113.255", "203.0.112.255 203.0.114.0"),
        ("224.0.0.0 239.255.255.255", "223.255.255.255"),
        ("240.0.0.0 255.255.255.254", ""),
        ("255.255.255.255", ""),
    ];

    /// The same of IPv6. Where nothing is beside it, nothing public is.
    const V6: [(&str, &str); 15] = [
        (":: ::1 ::ffff:ffff", ""),
        ("::ffff:0:0 ::ffff:ffff:ffff", ""),
        ("64:ff9b:: 64:ff9b::ffff:ffff", ""),
        ("64:ff9b:1:: 64:ff9b:1:ffff:ffff:ffff:ffff:ffff", ""),
        ("100:: 100::ffff:ffff:ffff:ffff", ""),
        ("1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::"),
        ("2001:: 2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff 2001:200::"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", ""),
        ("2001:db8:: 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff 2001:db9::"),
        ("2002:: 2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff 2003::"),
        ("3fff:: 3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff 3fff:1000::"),
        ("4000:: fc00:: fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("fe80:: febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""),
        ("fec0:: feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""),
        ("ff00:: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""),
    ];

    /// Every address of a table, and whether it is public.
    fn addresses(table: &[(&str, &str)]) -> Vec<(IpAddr, bool)> {
        let read = |text: &str, public: bool| -> Vec<(IpAddr, bool)> {
            text.split_whitespace().map(|address| (address.parse().unwrap(), public)).collect()
        };
        table.iter().flat_map(|(inside, beside)| [read(inside, false), read(beside, true)].concat()).collect()
    }

    #[test]
    fn ranges_end_where_they_end() {
        for (address, public) in [addresses(&V4), addresses(&V6)].concat() {
            assert_eq!(is_public(address), public, "{address}");
        }
    }

    #[test]
    fn what_carries_an_address_is_as_public_as_that() {
        for (carried, public) in addresses(&V4) {
            let IpAddr::V4(carried) = carried else { panic!("{carried}") };
            let [high, low] = [carried.to_bits() >> 16, carried.to_bits() & 0xffff];
            let carriers =
                [format!("::ffff:{carried}"), format!("64:ff9b::{carried}"), format!("2002:{high:x}:{low:x}::1")];
            for carrier in carriers {
                assert_eq!(is_public(carrier.parse().unwrap()), public, "{carrier}");
            }
            assert!(!is_public(format!("::{carried}").parse().unwrap()), "::{carried}");
        }
    }

    /// Addresses are checked as the URL parser reads them, never as they are written.
    #[test]
    fn no_spelling_gets_by() {
        for spelling in [
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "127.1",
            "0",
            "%31%32%37.0.0.1",
            "169.254.169.254",
            "0xa9fea9fe",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[64:ff9b::127.0.0.1]",
        ] {
            let url = Url::parse(&format!("http://{spelling}/")).unwrap();
            let address = match url.host() {
                Some(Host::Ipv4(address)) => IpAddr::from(address),
                Some(Host::Ipv6(address)) => IpAddr::from(address),
                host => panic!("{host:?}"),
            };
            assert!(!is_public(address), "{spelling}");
        }
        // A name is looked up, and what comes of that is checked.
        let url = Url::parse("http://LOCALHOST./").unwrap();
        assert_eq!(url.host(), Some(Host::Domain("localhost.")));
    }
}
