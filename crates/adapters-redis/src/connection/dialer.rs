use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, Pipeline, PushInfo, PushKind, RedisError, Value,
};
use roster_domain::ports::ConnectionEpoch;
use tokio::time::timeout;

use super::pushes::Pushes;
use super::{Link, Signals};
use crate::{RedisSettingsError, scripts};

/// How many requests may wait to be written; the driver's own 50 makes callers queue for a place.
const PIPELINE_BUFFER: usize = 1024;

/// Makes connections that are ready for use.
pub(super) struct Dialer {
    client: Client,
    limit: Duration,
    pushes: Arc<Pushes>,
}

/// A connection that nobody was told of yet.
pub(super) struct Dialed {
    pub(super) link: Link,
    /// Why its replies cannot be kept in the process: the server does not track what it reads.
    pub(super) untracked: Option<RedisError>,
}

/// An attempt to connect that failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("Redis did not answer in time")]
    TimedOut,
    #[error("Redis cannot be reached or refuses the connection")]
    Refused(#[source] RedisError),
    #[error("the server is a {0}, and only a primary may be asked")]
    WrongRole(String),
    #[error("the server is Redis {0}, and 6.2 is the oldest that is asked")]
    TooOld(String),
}

impl Dialer {
    pub(super) fn new(
        info: ConnectionInfo,
        limit: Duration,
        pushes: Arc<Pushes>,
    ) -> Result<Self, RedisSettingsError> {
        let client = Client::open(info).map_err(RedisSettingsError::Driver)?;
        Ok(Self {
            client,
            limit,
            pushes,
        })
    }

    /// Where it connects to, without user and password.
    pub(super) fn address(&self) -> String {
        self.client.get_connection_info().addr().to_string()
    }

    pub(super) async fn dial(&self) -> Result<Dialed, DialError> {
        let epoch = self.pushes.begin_life();
        let signals = Arc::new(Signals::default());
        let config = AsyncConnectionConfig::new()
            // Limits are kept here and per call: the driver's would only be a second opinion.
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_pipeline_buffer_size(PIPELINE_BUFFER)
            .set_push_sender(listener(
                epoch,
                Arc::clone(&self.pushes),
                Arc::clone(&signals),
            ));
        let connect = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let multiplexed = timeout(self.limit, connect)
            .await
            .map_err(|_| DialError::TimedOut)?
            .map_err(DialError::Refused)?;
        let link = Link {
            multiplexed,
            epoch,
            run_id: None,
            is_cluster: false,
            signals,
        };
        timeout(self.limit, set_up(link))
            .await
            .map_err(|_| DialError::TimedOut)?
    }
}

/// What the driver calls with every push, inline where it reads replies: so pushes and replies
/// keep the order in which they came.
fn listener(
    epoch: ConnectionEpoch,
    pushes: Arc<Pushes>,
    signals: Arc<Signals>,
) -> impl Fn(PushInfo) -> Result<(), std::convert::Infallible> + Send + Sync + 'static {
    move |push: PushInfo| {
        match push.kind {
            PushKind::Disconnection => {
                signals.ended.store(true, Ordering::Release);
                pushes.lost(epoch);
                signals.over.notify_one();
            }
            PushKind::Invalidate => {
                let is_all = pushes.invalidated(epoch, &push.data);
                if is_all {
                    // A flush, or a primary that became a replica: the heartbeat tells.
                    signals.doubted.notify_one();
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Names the connection, has it tracked, loads the scripts, and looks whom it reached.
async fn set_up(mut link: Link) -> Result<Dialed, DialError> {
    let mut pipeline = Pipeline::new();
    pipeline.cmd("CLIENT").arg("SETNAME").arg("roster");
    pipeline.cmd("CLIENT").arg("TRACKING").arg("ON");
    pipeline.cmd("INFO").arg("server");
    pipeline.cmd("HELLO");
    // Answered with an error while the server is still reading its dump.
    pipeline.cmd("PING");
    scripts::load_all(&mut pipeline);
    let mut replies = link
        .send_all(&pipeline)
        .await
        .map_err(DialError::Refused)?
        .into_iter();
    // A name is a courtesy: it may be forbidden.
    let _ = replies.next();
    let tracking = replies.next().unwrap_or(Value::Nil);
    let untracked = tracking.extract_error().err();
    if untracked.is_some() {
        link.epoch = ConnectionEpoch::UNTRACKED;
    }
    let info = replies.next().unwrap_or(Value::Nil);
    link.run_id = text(&info).and_then(run_id).map(Arc::from);
    let hello = replies.next().unwrap_or(Value::Nil);
    let hello = hello.extract_error().map_err(DialError::Refused)?;
    for reply in replies {
        reply.extract_error().map_err(DialError::Refused)?;
    }
    let mode = text_field(&hello, "mode");
    if mode == Some("sentinel") {
        return Err(DialError::WrongRole("sentinel".to_owned()));
    }
    if let Some(role) = other_role(&hello) {
        return Err(DialError::WrongRole(role.to_owned()));
    }
    if let Some(version) = text_field(&hello, "version").filter(|version| is_too_old(version)) {
        return Err(DialError::TooOld(version.to_owned()));
    }
    link.is_cluster = mode == Some("cluster");
    Ok(Dialed { link, untracked })
}

/// The role in a reply to `HELLO`, when it is not that of a primary.
pub(super) fn other_role(hello: &Value) -> Option<&str> {
    text_field(hello, "role").filter(|role| *role != "master")
}

/// Whether a server of this version lacks what the scripts call. One that counts otherwise is
/// taken at its word that it speaks the protocol.
fn is_too_old(version: &str) -> bool {
    let mut numbers = version
        .split('.')
        .map_while(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) => (major, minor) < (6, 2),
        _ => false,
    }
}

fn run_id(info: &str) -> Option<&str> {
    let mut lines = info.lines();
    lines.find_map(|line| line.trim_end().strip_prefix("run_id:"))
}

fn text_field<'v>(map: &'v Value, name: &str) -> Option<&'v str> {
    let Value::Map(fields) = map else { return None };
    let (_, value) = fields.iter().find(|(key, _)| text(key) == Some(name))?;
    text(value)
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use roster_domain::ports::{CachePush, InvalidationSink};

    use super::*;
    use crate::key::Keys;

    #[derive(Default)]
    struct Heard(Mutex<Vec<CachePush>>);

    impl InvalidationSink for Heard {
        fn push(&self, push: CachePush) {
            self.0.lock().unwrap().push(push);
        }
    }

    #[test]
    fn servers_before_6_2_are_too_old() {
        for version in ["6.0.16", "6.1", "5.0.14", "2.8.24"] {
            assert!(is_too_old(version), "{version}");
        }
        for version in ["6.2.0", "6.3.4", "7.0.15", "8.2.1", "10.0", "255.255.255"] {
            assert!(!is_too_old(version), "{version}");
        }
        for version in ["", "7", "unstable", "v6.0", "6.x"] {
            assert!(!is_too_old(version), "{version}");
        }
    }

    /// There is no runtime here, so nothing can be put off to a task of its own.
    #[test]
    fn a_push_is_told_before_the_driver_reads_on() {
        let pushes = Arc::new(Pushes::new(Keys::new("roster")));
        let heard = Arc::new(Heard::default());
        pushes.subscribe(Arc::<Heard>::clone(&heard));
        let (life, signals) = (pushes.begin_life(), Arc::new(Signals::default()));
        pushes.connected(life);
        let listener = listener(life, Arc::clone(&pushes), Arc::clone(&signals));
        let id: roster_domain::UserId = "0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f".parse().unwrap();
        let key = Value::BulkString(Keys::new("roster").user(id));
        let told = [
            (PushKind::Invalidate, vec![Value::Array(vec![key])]),
            (PushKind::Invalidate, vec![Value::Nil]),
            (PushKind::Message, vec![]),
            (PushKind::Disconnection, vec![]),
        ];
        let expected = [
            CachePush::Connected(life),
            CachePush::Changed(vec![id]),
            CachePush::AllChanged,
            CachePush::Disconnected,
        ];
        for ((kind, data), told) in told.into_iter().zip([2, 3, 3, 4]) {
            let Ok(()) = listener(PushInfo { kind, data });
            assert_eq!(*heard.0.lock().unwrap(), expected[..told]);
        }
        assert!(signals.ended.load(Ordering::Acquire));
    }
}
