use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, RedisError, RedisResult, ServerErrorKind, Value};
use roster_domain::ports::{CacheError, ConnectionEpoch, Stamped};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use self::pushes::Pushes;
use self::supervisor::Supervisor;
use crate::key::Keys;
use crate::observer::{RedisEvent, RedisObserver};
use crate::{RedisSettings, RedisSettingsError};

mod dialer;
mod pushes;
mod supervisor;

/// The connection that all calls share, and the task that keeps it alive.
///
/// While there is none, a call fails at once: a request must not wait for Redis to come back.
/// Each life of it has an epoch of its own, and is served in this order: a fresh epoch, the
/// greeting with tracking, `Connected` to whoever listens, then calls. It ends in the opposite
/// one: `Disconnected` first, then no more calls. So whatever carries an epoch was read while
/// its pushes were heard.
pub(crate) struct Connection {
    shared: Arc<Shared>,
    supervisor: JoinHandle<()>,
}

/// What calls and the supervisor share.
struct Shared {
    link: RwLock<Option<Link>>,
    pushes: Arc<Pushes>,
    observer: Arc<dyn RedisObserver>,
}

/// One life of the connection. It never connects again by itself: once broken, it stays so.
#[derive(Clone)]
pub(crate) struct Link {
    multiplexed: MultiplexedConnection,
    /// `UNTRACKED` where the server refuses to track.
    epoch: ConnectionEpoch,
    /// The server's `run_id`, where it tells.
    run_id: Option<Arc<str>>,
    /// Keys of several slots cannot be named in one command.
    pub(crate) is_cluster: bool,
    signals: Arc<Signals>,
}

/// What a call or the driver noticed about one life of the connection.
#[derive(Default)]
struct Signals {
    /// It is over, or should be.
    over: Notify,
    /// It was given up: calls that still hold it must fail.
    ended: AtomicBool,
    /// It did not answer in time; a heartbeat should tell soon.
    doubted: Notify,
    /// How many replies it brought: a flood of calls that keeps a heartbeat waiting is no silence.
    replies: AtomicU64,
}

/// There is no connection just now, or not the one that the call is bound to.
#[derive(Debug, thiserror::Error)]
#[error("there is no connection to Redis")]
pub(crate) struct NotConnected;

impl Connection {
    /// Starts connecting, and waits for nothing.
    pub(crate) fn start(
        settings: RedisSettings,
        observer: Arc<dyn RedisObserver>,
    ) -> Result<Arc<Self>, RedisSettingsError> {
        let info = settings.connection_info()?;
        let runtime = Handle::try_current().map_err(|_| RedisSettingsError::NoRuntime)?;
        let shared = Arc::new(Shared {
            link: RwLock::new(None),
            pushes: Arc::new(Pushes::new(Keys::new(&settings.key_prefix))),
            observer,
        });
        let supervisor = Supervisor::new(info, settings, Arc::clone(&shared))?;
        Ok(Arc::new(Self {
            shared,
            supervisor: runtime.spawn(supervisor.run()),
        }))
    }

    /// Whether calls are sent, rather than refused.
    pub(crate) fn is_up(&self) -> bool {
        self.shared.link().is_some()
    }

    /// Tells an event to whoever counts.
    pub(crate) fn observe(&self, event: RedisEvent) {
        self.shared.observer.observe(event);
    }

    /// Who hears pushes.
    pub(crate) fn pushes(&self) -> &Pushes {
        &self.shared.pushes
    }

    /// The life that serves just now, for calls that must all go by the same one.
    pub(crate) fn link(&self) -> Result<Link, CacheError> {
        self.shared.link().ok_or_else(not_connected)
    }

    /// Runs one call within a limit, and stamps its reply with the life that carried it.
    pub(crate) async fn run<T, F>(
        &self,
        limit: Duration,
        call: impl FnOnce(Link) -> F,
    ) -> Result<Stamped<T>, CacheError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let link = self.link()?;
        let connection = link.epoch;
        let reply = self.run_on(link, limit, call).await?;
        Ok(Stamped { connection, reply })
    }

    /// Runs one call on one life of the connection, and on no other.
    ///
    /// A call that runs out of time is given up here, and its reply, when it comes after all, is
    /// dropped by the connection: replies are matched by order, so nobody else gets it. That is
    /// no loss of the connection yet: the heartbeat has to find out.
    pub(crate) async fn run_on<T, F>(
        &self,
        link: Link,
        limit: Duration,
        call: impl FnOnce(Link) -> F,
    ) -> Result<T, CacheError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let signals = Arc::clone(&link.signals);
        if signals.ended.load(Ordering::Acquire) {
            return Err(not_connected());
        }
        match tokio::time::timeout(limit, call(link)).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => {
                if ends_connection(&error) {
                    signals.over.notify_one();
                }
                Err(CacheError::Unavailable(Box::new(error)))
            }
            Err(_) => {
                signals.doubted.notify_one();
                self.observe(RedisEvent::TimedOut);
                Err(CacheError::TimedOut)
            }
        }
    }
}

fn not_connected() -> CacheError {
    CacheError::Unavailable(Box::new(NotConnected))
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("is_up", &self.is_up())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn link(&self) -> Option<Link> {
        self.link
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set_link(&self, link: Option<Link>) {
        *self.link.write().unwrap_or_else(PoisonError::into_inner) = link;
    }
}

impl Link {
    /// What came by it is stamped with this.
    pub(crate) fn epoch(&self) -> ConnectionEpoch {
        self.epoch
    }

    /// The server's `run_id` when the connection was made, where it was told.
    pub(crate) fn run_id(&self) -> Option<&str> {
        self.run_id.as_deref()
    }

    /// Says that only another connection can help.
    pub(crate) fn leave(&self) {
        self.signals.over.notify_one();
    }

    /// Sends one command; an error that the server replies is an error here.
    pub(crate) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        let reply = self.multiplexed.send_packed_command(command).await?;
        self.signals.replies.fetch_add(1, Ordering::Relaxed);
        reply.extract_error()
    }

    /// Sends all commands at once; an error that the server replies to one of them is its reply.
    pub(crate) async fn send_all(&mut self, commands: &Pipeline) -> RedisResult<Vec<Value>> {
        let replies = self
            .multiplexed
            .send_packed_commands(commands, 0, commands.len())
            .await?;
        self.signals.replies.fetch_add(1, Ordering::Relaxed);
        Ok(replies)
    }
}

/// Whether only another connection can help: it broke, or the server became a replica, from
/// which nothing may be read either.
fn ends_connection(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.kind() == redis::ErrorKind::Server(ServerErrorKind::ReadOnly)
}
