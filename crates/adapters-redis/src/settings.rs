use std::fmt;
use std::time::Duration;

use redis::{ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisError};
use url::Url;

/// How Redis is reached and used. All limits must be above zero.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisSettings {
    /// `redis://[user][:password@]host[:port][/database]`, with `valkey` for the same, or
    /// `unix:///path[?db=…&user=…&pass=…]`.
    pub url: String,
    /// What every key begins with: 1 to 64 of `A-Z a-z 0-9 . _ : -`.
    pub key_prefix: String,
    /// For the connection and its greeting, and once more for the setup after it.
    pub connect_timeout: Duration,
    /// For one call of the cache, however many users it names.
    pub command_timeout: Duration,
    /// For one call of the relay, and for the probe of its watermark. No request waits for
    /// them, and an answer that comes late is worth as much: a bound counts from when its
    /// question was asked.
    pub relay_timeout: Duration,
    /// How long a floor is remembered after an invalidation.
    pub tombstone_ttl: Duration,
    /// How long a connection may be silent before it is asked for a sign of life.
    pub heartbeat_interval: Duration,
    /// For that sign of life; two in a row that are missed, without any other reply meanwhile,
    /// end the connection.
    pub heartbeat_timeout: Duration,
    /// Before the first attempt to connect again; doubled with each further one.
    pub reconnect_min: Duration,
    /// Between attempts at the most.
    pub reconnect_max: Duration,
}

impl RedisSettings {
    /// The defaults, for this URL. It is checked when the cache is made, or by [`Self::check`].
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            key_prefix: "roster".to_owned(),
            connect_timeout: Duration::from_millis(250),
            command_timeout: Duration::from_millis(20),
            relay_timeout: Duration::from_millis(250),
            tombstone_ttl: Duration::from_secs(30),
            heartbeat_interval: Duration::from_millis(300),
            heartbeat_timeout: Duration::from_millis(300),
            reconnect_min: Duration::from_millis(50),
            reconnect_max: Duration::from_millis(500),
        }
    }

    /// Says what is wrong with them, if anything is; connects to nothing.
    pub fn check(&self) -> Result<(), RedisSettingsError> {
        self.connection_info().map(drop)
    }

    /// Where and as whom to connect; checks everything else on the way.
    pub(crate) fn connection_info(&self) -> Result<ConnectionInfo, RedisSettingsError> {
        self.check_key_prefix()?;
        self.check_limits()?;
        let url = checked_url(&self.url)?;
        let info = url
            .into_connection_info()
            .map_err(RedisSettingsError::Driver)?;
        let tcp = info.tcp_settings().clone().set_nodelay(true);
        let greeting = info
            .redis_settings()
            .clone()
            .set_protocol(ProtocolVersion::RESP3)
            .set_lib_name("roster", env!("CARGO_PKG_VERSION"));
        Ok(info.set_tcp_settings(tcp).set_redis_settings(greeting))
    }

    fn check_key_prefix(&self) -> Result<(), RedisSettingsError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._:-".contains(&b);
        if (1..=64).contains(&self.key_prefix.len()) && self.key_prefix.bytes().all(allowed) {
            Ok(())
        } else {
            Err(RedisSettingsError::KeyPrefix(self.key_prefix.clone()))
        }
    }

    fn check_limits(&self) -> Result<(), RedisSettingsError> {
        let limits = [
            ("connect_timeout", self.connect_timeout),
            ("command_timeout", self.command_timeout),
            ("relay_timeout", self.relay_timeout),
            ("tombstone_ttl", self.tombstone_ttl),
            ("heartbeat_interval", self.heartbeat_interval),
            ("heartbeat_timeout", self.heartbeat_timeout),
            ("reconnect_min", self.reconnect_min),
            ("reconnect_max", self.reconnect_max),
        ];
        match limits.iter().find(|(_, limit)| limit.as_millis() == 0) {
            Some((name, _)) => Err(RedisSettingsError::Limit(name)),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for RedisSettings {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSettings")
            .field("key_prefix", &self.key_prefix)
            .field("connect_timeout", &self.connect_timeout)
            .field("command_timeout", &self.command_timeout)
            .field("relay_timeout", &self.relay_timeout)
            .field("tombstone_ttl", &self.tombstone_ttl)
            .finish_non_exhaustive()
    }
}

/// Settings that cannot work. No message repeats a password.
#[derive(Debug, thiserror::Error)]
pub enum RedisSettingsError {
    /// Not a URL.
    #[error("the Redis URL is not a URL; an example is redis://127.0.0.1:6379/0")]
    NotAUrl(#[source] url::ParseError),
    /// A URL of something else.
    #[error("the Redis URL begins with {0}://; redis://, valkey:// and unix:// are accepted")]
    Scheme(String),
    /// A URL that asks for TLS.
    #[error(
        "the Redis URL begins with {0}://, but this build does not speak TLS to Redis; redis:// is accepted"
    )]
    Tls(String),
    /// No host.
    #[error("the Redis URL names no host")]
    NoHost,
    /// Not a number where the database stands.
    #[error(
        "the Redis URL names a database that is not a number from 0 on; an example is redis://127.0.0.1:6379/0"
    )]
    Database,
    /// A parameter that means nothing.
    #[error("the Redis URL has the parameter {0}, which is not known")]
    Parameter(String),
    /// Something that only the driver minds.
    #[error("the Redis URL is refused by the driver")]
    Driver(#[source] RedisError),
    /// A key prefix that would not do as one.
    #[error("the key prefix {0:?} is not 1 to 64 of A-Z, a-z, 0-9, '.', '_', ':' and '-'")]
    KeyPrefix(String),
    /// A limit of less than a millisecond.
    #[error("the limit {0} is below one millisecond")]
    Limit(&'static str),
    /// There is nothing that could run the connection.
    #[error("the cache is not made inside a Tokio runtime")]
    NoRuntime,
}

fn checked_url(text: &str) -> Result<Url, RedisSettingsError> {
    let url = Url::parse(text).map_err(RedisSettingsError::NotAUrl)?;
    match url.scheme() {
        "redis" | "valkey" => {
            if url.host_str().is_none_or(str::is_empty) {
                return Err(RedisSettingsError::NoHost);
            }
            let database = url.path().trim_matches('/');
            if !database.is_empty() && database.parse::<u32>().is_err() {
                return Err(RedisSettingsError::Database);
            }
            check_parameters(&url, &[])?;
        }
        "unix" | "redis+unix" | "valkey+unix" => {
            check_parameters(&url, &["db", "user", "pass"])?;
            let database = url.query_pairs().find(|(name, _)| name == "db");
            if database.is_some_and(|(_, number)| number.parse::<u32>().is_err()) {
                return Err(RedisSettingsError::Database);
            }
        }
        "rediss" | "valkeys" => return Err(RedisSettingsError::Tls(url.scheme().to_owned())),
        other => return Err(RedisSettingsError::Scheme(other.to_owned())),
    }
    Ok(url)
}

fn check_parameters(url: &Url, known: &[&str]) -> Result<(), RedisSettingsError> {
    for (name, value) in url.query_pairs() {
        // The connection speaks RESP3 in any case; saying so is no mistake.
        let protocol = name == "protocol" && matches!(&*value, "3" | "resp3");
        if !protocol && !known.contains(&&*name) {
            return Err(RedisSettingsError::Parameter(name.into_owned()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> RedisSettingsError {
        RedisSettings::new(url).check().unwrap_err()
    }

    #[test]
    fn what_redis_understands_is_accepted() {
        for url in [
            "redis://127.0.0.1",
            "redis://user:secret@cache.example:7000/3",
            "redis://:secret@[::1]:6379/?protocol=resp3",
            "valkey://cache.example",
            "unix:///run/redis.sock?db=2&pass=secret",
        ] {
            RedisSettings::new(url).check().expect(url);
        }
    }

    #[test]
    fn a_wrong_url_is_refused_for_its_own_reason() {
        use RedisSettingsError as E;
        assert!(matches!(refusal("127.0.0.1:6379"), E::NotAUrl(_)));
        assert!(matches!(refusal("redis://host:port"), E::NotAUrl(_)));
        assert!(matches!(refusal("http://host"), E::Scheme(s) if s == "http"));
        assert!(matches!(refusal("localhost:6379"), E::Scheme(s) if s == "localhost"));
        assert!(matches!(refusal("rediss://host"), E::Tls(_)));
        assert!(matches!(refusal("redis:///1"), E::NoHost));
        assert!(matches!(refusal("redis://host/users"), E::Database));
        assert!(matches!(refusal("unix:///s?db=-1"), E::Database));
        assert!(matches!(
            refusal("redis://host?protocol=2"),
            E::Parameter(_)
        ));
        assert!(matches!(refusal("redis://0.0.0.0"), E::Driver(_)));
    }

    #[test]
    fn no_message_repeats_the_password() {
        for url in [
            "redis://user:hunter2@host:port",
            "http://user:hunter2@host",
            "redis://user:hunter2@host/users",
            "redis://user:hunter2@0.0.0.0",
            "rediss://user:hunter2@host",
            "unix:///s?pass=hunter2&db=x",
        ] {
            let settings = RedisSettings::new(url);
            let error = settings.check().unwrap_err();
            let told = format!("{error} {error:?} {settings:?}");
            assert!(!told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn a_prefix_cannot_move_the_braces() {
        for prefix in ["", "a{b", "a b", "ä", &"x".repeat(65)] {
            let mut settings = RedisSettings::new("redis://host");
            settings.key_prefix = prefix.to_owned();
            let refusal = settings.check().unwrap_err();
            assert!(
                matches!(refusal, RedisSettingsError::KeyPrefix(_)),
                "{prefix}"
            );
        }
    }

    #[test]
    fn a_limit_of_nothing_is_named() {
        let mut settings = RedisSettings::new("redis://host");
        settings.command_timeout = Duration::ZERO;
        let told = settings.check().unwrap_err().to_string();
        assert_eq!(told, "the limit command_timeout is below one millisecond");
    }
}
