//! What a setting takes: how it is read, and how that is said to people.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use url::Url;

use super::{Rate, SecretUrl};

/// What a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An address and a port.
    Address,
    /// An address and a port, or `off`.
    AddressOrOff,
    /// Whether callers are authenticated.
    AuthMode,
    /// A folder.
    Path,
    /// A file, or `none`.
    FileOrNone,
    /// Issuers of tokens.
    Issuers,
    /// Names of hosts.
    HostNames,
    /// Where PostgreSQL is.
    PostgresUrl,
    /// Where Redis is.
    RedisUrl,
    /// A prefix of Redis keys.
    KeyPrefix,
    /// A number.
    Count { min: u32, max: u32 },
    /// A duration; the ends are milliseconds.
    Duration { min: u64, max: u64 },
    /// A size; the ends are octets.
    Octets { min: u64, max: u64 },
    /// A number in a span of time, or `none`.
    Rate,
    /// Yes or no.
    Flag,
    /// A filter of log events.
    LogFilter,
    /// A form of logs.
    LogFormat,
}

/// The word for "not at all" where a setting has a default or another source says something.
pub(super) const NONE: &str = "none";
/// The word that switches a listener off.
pub(super) const OFF: &str = "off";

impl Kind {
    /// Whether a value may carry a password.
    pub(super) fn is_secret(self) -> bool {
        matches!(self, Self::PostgresUrl | Self::RedisUrl)
    }
}

impl fmt::Display for Kind {
    /// What is accepted, as the end of a sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Address => f.write_str("an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080"),
            Self::AddressOrOff => f.write_str("an IP address and a port, such as 127.0.0.1:9464, or `off`"),
            Self::AuthMode => f.write_str("`required` or `off`"),
            Self::FileOrNone => f.write_str("the path of a file, or `none`"),
            Self::Issuers => f.write_str("a list of issuers with issuer, audience, jwks, algorithms and perhaps subjects and ca"),
            Self::HostNames => f.write_str("names of hosts without ports, separated by commas"),
            Self::Path => f.write_str("the path of a folder"),
            Self::PostgresUrl => f.write_str("postgres://USER:PASSWORD@HOST:PORT/DATABASE, or `none`"),
            Self::RedisUrl => f.write_str("redis://HOST:PORT or unix:///PATH, or `none`"),
            Self::KeyPrefix => f.write_str("1 to 64 letters, digits, `-`, `_`, `.` or `:`"),
            Self::Count { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Duration { min, max } => {
                write!(f, "a duration from {} to {}, such as 250ms, 2s, 5m or 1h", in_time_units(min), in_time_units(max))
            }
            Self::Octets { min, max } => {
                write!(f, "a size from {} to {}, such as 64KiB or 8MiB", in_size_units(min), in_size_units(max))
            }
            Self::Rate => f.write_str(
                "a number from 1 to 1000000 per second, minute or hour, such as 100/s or 6000/m, or `none`",
            ),
            Self::Flag => f.write_str("`true` or `false`"),
            Self::LogFilter => {
                f.write_str("a level (`error`, `warn`, `info`, `debug`, `trace`, `off`) or directives such as info,sqlx=warn")
            }
            Self::LogFormat => f.write_str("`text`, `json` or `auto`"),
        }
    }
}

/// `localhost` is a name that people write; every other name would need a resolver.
pub(super) fn address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::new(
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            port.parse().ok()?,
        )),
        None => text.parse().ok(),
    }
}

pub(super) fn url(text: &str, schemes: &[&str]) -> Option<SecretUrl> {
    let url = Url::parse(text).ok()?;
    schemes.contains(&url.scheme()).then(|| SecretUrl::new(url))
}

pub(super) fn key_prefix(text: &str) -> Option<String> {
    let plain = text
        .bytes()
        .all(|octet| octet.is_ascii_alphanumeric() || b"-_.:".contains(&octet));
    (plain && (1..=64).contains(&text.len())).then(|| text.to_owned())
}

pub(super) fn count(text: &str, min: u32, max: u32) -> Option<u32> {
    text.parse()
        .ok()
        .filter(|count| (min..=max).contains(count))
}

pub(super) fn rate(text: &str) -> Option<Rate> {
    let (number, unit) = text.split_once('/')?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return None,
    };
    let requests: NonZeroU32 = number.parse().ok()?;
    (requests.get() <= 1_000_000).then_some(Rate { requests, seconds })
}

/// A lone word is a level: `verbose` would otherwise be a module that nobody has, and no log.
pub(super) fn log_filter(text: &str) -> Option<String> {
    let directives = text.contains(['=', ',', ':']) || text.parse::<LevelFilter>().is_ok();
    (directives && EnvFilter::try_new(text).is_ok()).then(|| text.to_owned())
}

const TIME_UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];
const SIZE_UNITS: [(&str, u64); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

pub(crate) fn duration(text: &str, min: u64, max: u64) -> Option<Duration> {
    amount(text, &TIME_UNITS)
        .filter(|millis| (min..=max).contains(millis))
        .map(Duration::from_millis)
}

pub(super) fn octets(text: &str, min: u64, max: u64) -> Option<u64> {
    amount(text, &SIZE_UNITS).filter(|octets| (min..=max).contains(octets))
}

/// Digits and a unit: no fractions, and no number whose unit one has to guess.
fn amount(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    let (_, factor) = units
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit.trim_start()))?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn in_time_units(millis: u64) -> String {
    in_units(millis, &TIME_UNITS, "0s")
}

fn in_size_units(octets: u64) -> String {
    in_units(octets, &SIZE_UNITS, "0B")
}

fn in_units(amount: u64, units: &[(&str, u64)], zero: &str) -> String {
    units
        .iter()
        .find(|(_, factor)| amount != 0 && amount.is_multiple_of(*factor))
        .map_or_else(
            || zero.to_owned(),
            |(name, factor)| format!("{}{name}", amount / factor),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_a_number_and_a_span() {
        let rates = [
            ("1/s", 1, 1),
            ("6000/m", 6_000, 60),
            ("1000000/h", 1_000_000, 3_600),
        ];
        for (text, requests, seconds) in rates {
            let rate = rate(text).map(|rate| (rate.requests.get(), rate.seconds));
            assert_eq!(rate, Some((requests, seconds)), "{text}");
        }
        for text in [
            "",
            "1",
            "0/s",
            "-1/s",
            "1/d",
            "1 / s",
            "1000001/s",
            "/s",
            "1.5/s",
            "1/s/s",
        ] {
            assert_eq!(rate(text), None, "{text}");
        }
    }

    #[test]
    fn a_duration_has_digits_and_a_unit() {
        for (text, millis) in [
            ("250ms", 250),
            ("2s", 2_000),
            ("5 m", 300_000),
            ("1h", 3_600_000),
            ("0s", 0),
        ] {
            assert_eq!(
                duration(text, 0, u64::MAX),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in [
            "",
            "2",
            "s",
            "-1s",
            "1.5s",
            "2 fortnights",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert_eq!(duration(text, 0, u64::MAX), None, "{text}");
        }
        assert_eq!(duration("9ms", 10, 20), None);
        assert_eq!(duration("21ms", 10, 20), None);
    }

    #[test]
    fn a_size_has_digits_and_a_unit() {
        assert_eq!(octets("64KiB", 0, u64::MAX), Some(65_536));
        assert_eq!(octets("1 mib", 0, u64::MAX), Some(1_048_576));
        assert_eq!(octets("64KB", 0, u64::MAX), None);
    }

    #[test]
    fn an_address_has_a_port() {
        assert_eq!(
            address("localhost:80"),
            Some(SocketAddr::from(([127, 0, 0, 1], 80)))
        );
        assert_eq!(address("[::1]:0").map(|address| address.port()), Some(0));
        for text in [
            "8080",
            "127.0.0.1",
            "example.org:80",
            "127.0.0.1:65536",
            "localhost:",
        ] {
            assert_eq!(address(text), None, "{text}");
        }
    }

    #[test]
    fn limits_are_written_with_the_largest_unit_that_fits() {
        let limits = Kind::Duration {
            min: 10,
            max: 3_600_000,
        }
        .to_string();
        assert!(limits.contains("from 10ms to 1h"), "{limits}");
        let limits = Kind::Octets { min: 0, max: 1_536 }.to_string();
        assert!(limits.contains("from 0B to 1536B"), "{limits}");
    }
}
