use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisResult, Value};
use roster_domain::UserId;
use roster_domain::ports::{
    AcquireRequest, Acquired, CacheError, CacheLookup, CacheNamespace, ConnectionEpoch,
    FillOutcome, FillRequest, Filling, Invalidation, InvalidationSink, Lease, Stamped, UserCache,
};

use self::replies::{Reader, unexpected};
use crate::connection::{Connection, Link};
use crate::key::Keys;
use crate::observer::{RedisObserver, Unobserved};
use crate::scripts::{self, Lua};
use crate::{RedisSettings, RedisSettingsError, envelope};

mod replies;

/// [`UserCache`] on Redis 6 or later, or Valkey.
///
/// One connection serves all calls. A look-up is one `GET`, or one `MGET` for several; on a
/// cluster node it is a pipeline of `GET`, because the keys lie in several slots. Everything
/// else is one pipeline of scripts, each with a single key. A cluster's other nodes are not
/// followed yet: a key that lives elsewhere fails the call as unavailable.
///
/// Between releases: a value of a newer schema is a miss whose bytes are not named as
/// unusable. So [`UserCache::get_many`] answers a floor with `unusable: None`, and
/// [`UserCache::acquire_many`] answers [`Acquired::Found`] with the same: the caller reads the
/// database and fills nothing. The newer value stays for those who can read it, and an
/// invalidation ends it as any other.
///
/// There are no pushes yet: the sink stays silent, and replies are stamped
/// [`ConnectionEpoch::UNTRACKED`].
#[derive(Debug)]
pub struct RedisUserCache {
    connection: Arc<Connection>,
    keys: Keys,
    limit: Duration,
    tombstone_ttl: Duration,
}

impl RedisUserCache {
    /// A cache that connects by itself, now and after each loss. Redis need not be there.
    /// Must be called inside a Tokio runtime.
    pub fn new(settings: RedisSettings) -> Result<Self, RedisSettingsError> {
        Self::observed(settings, Arc::new(Unobserved))
    }

    /// The same, and `observer` hears what happens to it.
    pub fn observed(
        settings: RedisSettings,
        observer: Arc<dyn RedisObserver>,
    ) -> Result<Self, RedisSettingsError> {
        Ok(Self {
            keys: Keys::new(&settings.key_prefix),
            limit: settings.command_timeout,
            tombstone_ttl: settings.tombstone_ttl,
            connection: Connection::start(settings, observer)?,
        })
    }

    /// Whether there is a connection just now; while there is none, calls fail at once.
    pub fn is_connected(&self) -> bool {
        self.connection.is_up()
    }

    pub(crate) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.connection)
    }

    async fn run_script(
        &self,
        script: &Lua,
        calls: impl Iterator<Item = Cmd>,
    ) -> Result<Vec<Value>, CacheError> {
        let mut pipeline = Pipeline::with_capacity(calls.size_hint().0);
        for call in calls {
            pipeline.add_command(call);
        }
        if pipeline.is_empty() {
            return Ok(Vec::new());
        }
        let run = |mut link: Link| async move { script.run(&mut link, &pipeline).await };
        self.connection.run(self.limit, run).await
    }

    fn reader(&self, namespace: CacheNamespace) -> Reader<'_> {
        Reader {
            connection: &self.connection,
            namespace,
        }
    }
}

#[async_trait]
impl UserCache for RedisUserCache {
    async fn get_many(
        &self,
        namespace: CacheNamespace,
        ids: &[UserId],
    ) -> Result<Stamped<Vec<CacheLookup>>, CacheError> {
        if ids.is_empty() {
            return Ok(untracked(Vec::new()));
        }
        let keys: Vec<_> = ids.iter().map(|id| self.keys.user(*id)).collect();
        let replies = self
            .connection
            .run(self.limit, |link| get(link, keys))
            .await?;
        let reader = self.reader(namespace);
        answer(ids, replies, |id, reply| reader.look_up(*id, reply)).map(untracked)
    }

    async fn acquire_many(
        &self,
        namespace: CacheNamespace,
        requests: &[AcquireRequest],
    ) -> Result<Stamped<Vec<Acquired>>, CacheError> {
        let calls = requests.iter().map(|request| {
            let key = self.keys.user(request.lease.id);
            let hold_for = millis(request.hold_for);
            let mut arguments = vec![&request.lease.token.0[..], hold_for.as_bytes()];
            arguments.extend(request.unusable.iter().map(|seen| &*seen.0));
            scripts::ACQUIRE.call(&key, &arguments)
        });
        let replies = self.run_script(&scripts::ACQUIRE, calls).await?;
        let reader = self.reader(namespace);
        answer(requests, replies, |request, reply| {
            reader.acquired(request.lease.id, reply)
        })
        .map(untracked)
    }

    async fn fill_many(
        &self,
        namespace: CacheNamespace,
        fills: &[FillRequest],
    ) -> Result<Vec<FillOutcome>, CacheError> {
        let calls = fills.iter().map(|fill| {
            let id = fill.lease.id;
            let envelope = match &fill.filling {
                Filling::User(user, expires_at) => envelope::value(namespace, user, *expires_at),
                Filling::Absent(floor) => envelope::absence(namespace, id, *floor),
            };
            let ttl = millis(fill.ttl);
            let arguments = [&fill.lease.token.0[..], &envelope, ttl.as_bytes()];
            scripts::FILL.call(&self.keys.user(id), &arguments)
        });
        let replies = self.run_script(&scripts::FILL, calls).await?;
        answer(fills, replies, |_, reply| match reply {
            Value::Int(0) => Ok(FillOutcome::Refused),
            Value::Int(1) => Ok(FillOutcome::Stored),
            Value::Int(2) => Ok(FillOutcome::StaleSource),
            _ => Err(unexpected("fill")),
        })
    }

    async fn release_many(&self, leases: &[Lease]) -> Result<(), CacheError> {
        let calls = leases
            .iter()
            .map(|lease| scripts::RELEASE.call(&self.keys.user(lease.id), &[&lease.token.0]));
        self.run_script(&scripts::RELEASE, calls).await.map(drop)
    }

    async fn invalidate_many(
        &self,
        invalidations: &[Invalidation],
    ) -> Result<Vec<bool>, CacheError> {
        let keep_for = millis(self.tombstone_ttl);
        let calls = invalidations.iter().map(|Invalidation { id, floor }| {
            let floor = envelope::hex(*floor);
            scripts::INVALIDATE.call(&self.keys.user(*id), &[&floor, keep_for.as_bytes()])
        });
        let replies = self.run_script(&scripts::INVALIDATE, calls).await?;
        answer(invalidations, replies, |_, reply| match reply {
            Value::Int(changed) => Ok(changed == 1),
            _ => Err(unexpected("invalidate")),
        })
    }

    fn subscribe(&self, _: Arc<dyn InvalidationSink>) {}
}

/// One reply for each key. A key that holds no string is an error of its own where the
/// server says so: `MGET` answers nothing instead, and the lease takes such a key over.
async fn get(mut link: Link, keys: Vec<Vec<u8>>) -> RedisResult<Vec<Value>> {
    if keys.len() > 1 && !link.is_cluster {
        let mut mget = redis::cmd("MGET");
        mget.arg(&keys);
        return match link.send(&mget).await? {
            Value::Array(replies) => Ok(replies),
            _ => Err(RedisError::from((
                ErrorKind::UnexpectedReturnType,
                "MGET is not answered with an array",
            ))),
        };
    }
    let mut pipeline = Pipeline::with_capacity(keys.len());
    for key in &keys {
        pipeline.cmd("GET").arg(key);
    }
    link.send_all(&pipeline).await
}

/// Puts replies beside what was asked, in order.
fn answer<Q, A>(
    asked: &[Q],
    replies: Vec<Value>,
    read: impl Fn(&Q, Value) -> Result<A, CacheError>,
) -> Result<Vec<A>, CacheError> {
    if asked.len() != replies.len() {
        return Err(unexpected("batch"));
    }
    asked
        .iter()
        .zip(replies)
        .map(|(asked, reply)| read(asked, reply))
        .collect()
}

fn untracked<T>(reply: T) -> Stamped<T> {
    Stamped {
        connection: ConnectionEpoch::UNTRACKED,
        reply,
    }
}

/// What the server takes for a duration: at least 1.
fn millis(duration: Duration) -> String {
    duration.as_millis().max(1).to_string()
}
