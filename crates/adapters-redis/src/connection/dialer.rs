use std::sync::Arc;
use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, Pipeline, PushInfo, PushKind, RedisError, Value,
};
use tokio::time::timeout;

use super::{Link, Signals};
use crate::{RedisSettingsError, scripts};

/// How many requests may wait to be written; the driver's own 50 makes callers queue for a place.
const PIPELINE_BUFFER: usize = 1024;

/// Makes connections that are ready for use.
pub(super) struct Dialer {
    client: Client,
    limit: Duration,
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
}

impl Dialer {
    pub(super) fn new(info: ConnectionInfo, limit: Duration) -> Result<Self, RedisSettingsError> {
        let client = Client::open(info).map_err(RedisSettingsError::Driver)?;
        Ok(Self { client, limit })
    }

    /// Where it connects to, without user and password.
    pub(super) fn address(&self) -> String {
        self.client.get_connection_info().addr().to_string()
    }

    pub(super) async fn dial(&self) -> Result<Link, DialError> {
        let signals = Arc::new(Signals::default());
        let on_push = Arc::clone(&signals);
        let config = AsyncConnectionConfig::new()
            // Limits are kept here and per call: the driver's would only be a second opinion.
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_pipeline_buffer_size(PIPELINE_BUFFER)
            .set_push_sender(move |push: PushInfo| {
                if push.kind == PushKind::Disconnection {
                    on_push.over.notify_one();
                }
                Ok::<(), std::convert::Infallible>(())
            });
        let connect = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let multiplexed = timeout(self.limit, connect)
            .await
            .map_err(|_| DialError::TimedOut)?
            .map_err(DialError::Refused)?;
        let link = Link {
            multiplexed,
            is_cluster: false,
            signals,
        };
        timeout(self.limit, set_up(link))
            .await
            .map_err(|_| DialError::TimedOut)?
    }
}

/// Names the connection, loads the scripts, and looks whom it reached.
async fn set_up(mut link: Link) -> Result<Link, DialError> {
    let mut pipeline = Pipeline::new();
    pipeline.cmd("CLIENT").arg("SETNAME").arg("roster");
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
    let hello = replies.next().unwrap_or(Value::Nil);
    let hello = hello.extract_error().map_err(DialError::Refused)?;
    for reply in replies {
        reply.extract_error().map_err(DialError::Refused)?;
    }
    let mode = text_field(&hello, "mode");
    let role = text_field(&hello, "role");
    if mode == Some("sentinel") {
        return Err(DialError::WrongRole("sentinel".to_owned()));
    }
    if let Some(role) = role.filter(|role| *role != "master") {
        return Err(DialError::WrongRole(role.to_owned()));
    }
    link.is_cluster = mode == Some("cluster");
    Ok(link)
}

fn text_field<'v>(map: &'v Value, name: &str) -> Option<&'v str> {
    let Value::Map(fields) = map else { return None };
    let (_, value) = fields.iter().find(|(key, _)| text(key) == Some(name))?;
    text(value)
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}
