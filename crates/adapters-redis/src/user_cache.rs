use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisResult, Value};
use roster_domain::UserId;
use roster_domain::ports::{
    AcquireRequest, Acquired, CacheError, CacheLookup, CacheNamespace, ConnectionEpoch,
    FillOutcome, FillRequest, Filling, Invalidation, InvalidationSink, Lease, Stamped, UserCache,
};

use crate::connection::{Connection, Link};
use crate::invalidation::{Invalidator, changed};
use crate::key::Keys;
use crate::observer::{RedisObserver, Unobserved};
use crate::replies::{Reader, answer, millis, unexpected};
use crate::scripts::{self, Lua};
use crate::{RedisSettings, RedisSettingsError, envelope};

/// [`UserCache`] on Redis 6.2 or later, or Valkey.
///
/// One connection serves all calls. A look-up is one `GET`, or one `MGET` for several; on a
/// cluster node it is a pipeline of `GET`, because the keys lie in several slots. The lease of
/// what is likely absent is a `SET … NX`. Fills are a script for many, on a cluster node one for
/// each key. Everything else is one pipeline of scripts, each with a single key. A cluster's
/// other nodes are not followed yet: a key that lives elsewhere fails the call as unavailable.
///
/// Between releases: a value of a newer schema is a miss whose bytes are not named as
/// unusable. So [`UserCache::get_many`] answers a floor with `unusable: None`, and
/// [`UserCache::acquire_many`] answers [`Acquired::Found`] with the same: the caller reads the
/// database and fills nothing. The newer value stays for those who can read it, and an
/// invalidation ends it as any other.
///
/// The server tracks what this connection reads (`CLIENT TRACKING ON`), and tells of each key
/// once when it changes, also when this connection itself changed it: `NOLOOP` would have the
/// key untracked without a word. A sink is called inline in the connection's reader, so pushes
/// and replies keep their order. Each life of the connection has an epoch of its own; a loss is
/// told before a call can go by the next one. A server that refuses to track is used all the
/// same: its replies are stamped [`ConnectionEpoch::UNTRACKED`], and the sinks stay silent.
#[derive(Debug)]
pub struct RedisUserCache {
    connection: Arc<Connection>,
    keys: Keys,
    limit: Duration,
    pub(crate) relay_limit: Duration,
    pub(crate) invalidator: Invalidator,
}

impl RedisUserCache {
    /// So many fills go in one script; the server does nothing else while it runs.
    const FILLS: usize = 64;

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
        let keys = Keys::new(&settings.key_prefix);
        Ok(Self {
            invalidator: Invalidator::new(keys.clone(), settings.tombstone_ttl),
            keys,
            limit: settings.command_timeout,
            relay_limit: settings.relay_timeout,
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

    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    async fn run_script(
        &self,
        script: &Lua,
        calls: Pipeline,
    ) -> Result<Stamped<Vec<Value>>, CacheError> {
        if calls.is_empty() {
            return Ok(unasked());
        }
        let run = |mut link: Link| async move { script.run(&mut link, &calls).await };
        self.connection.run(self.limit, run).await
    }

    /// Asks for leases: where nothing is stored by a plain command, which costs the server a third
    /// of the script and has nothing tracked; where that was a wrong guess by the script, too.
    async fn claim(
        &self,
        mut link: Link,
        namespace: CacheNamespace,
        requests: &[AcquireRequest],
    ) -> RedisResult<Vec<Value>> {
        let acquire = |request: &AcquireRequest| self.acquire(namespace, request);
        let first = requests.iter().map(|request| {
            if request.likely_absent {
                self.set_absent(request)
            } else {
                acquire(request)
            }
        });
        let first = first.collect::<Calls>().0;
        let mut replies = scripts::ACQUIRE.run(&mut link, &first).await?;
        let is_there = |index: &usize| {
            requests[*index].likely_absent && !matches!(replies[*index], Value::Okay)
        };
        let there: Vec<usize> = (0..requests.len()).filter(is_there).collect();
        if !there.is_empty() {
            let again = there.iter().map(|index| acquire(&requests[*index]));
            let again = again.collect::<Calls>().0;
            let second = scripts::ACQUIRE.run(&mut link, &again).await?;
            for (index, reply) in there.into_iter().zip(second) {
                replies[index] = reply;
            }
        }
        Ok(replies)
    }

    fn acquire(&self, namespace: CacheNamespace, request: &AcquireRequest) -> Cmd {
        let id = request.lease.id;
        let hold_for = millis(request.hold_for);
        let mut arguments = vec![&request.lease.token.0[..], hold_for.as_bytes()];
        let floor;
        if let Some(seen) = &request.unusable {
            floor = envelope::hex(envelope::floor(&seen.0, namespace, id));
            arguments.extend([&*seen.0, &floor]);
        }
        scripts::ACQUIRE.call(&[&self.keys.user(id)], &arguments)
    }

    fn set_absent(&self, request: &AcquireRequest) -> Cmd {
        let Lease { id, token } = request.lease;
        let mut cmd = redis::cmd("SET");
        cmd.arg(self.keys.user(id))
            .arg(&envelope::lease_of_nothing(token))
            .arg("NX")
            .arg("PX")
            .arg(millis(request.hold_for));
        cmd
    }

    /// Fills with one script for many, which costs the server less than a script for each.
    async fn fill(
        &self,
        mut link: Link,
        namespace: CacheNamespace,
        fills: &[FillRequest],
    ) -> RedisResult<Vec<Value>> {
        let at_once = if link.is_cluster { 1 } else { Self::FILLS };
        let calls = fills.chunks(at_once).map(|fills| {
            let keys: Vec<_> = fills
                .iter()
                .map(|fill| self.keys.user(fill.lease.id))
                .collect();
            let fillings: Vec<_> = fills.iter().map(|fill| filled(namespace, fill)).collect();
            let arguments = fills
                .iter()
                .zip(&fillings)
                .flat_map(|(fill, (envelope, ttl))| {
                    [&fill.lease.token.0[..], envelope, ttl.as_bytes()]
                });
            let keys: Vec<_> = keys.iter().map(|key| &key[..]).collect();
            scripts::FILL.call(&keys, &arguments.collect::<Vec<_>>())
        });
        let calls = calls.collect::<Calls>().0;
        let replies = scripts::FILL.run(&mut link, &calls).await?;
        let each = replies.into_iter().flat_map(|reply| match reply {
            Value::Array(replies) => replies,
            other => vec![other],
        });
        Ok(each.collect())
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
            return Ok(unasked());
        }
        let keys: Vec<_> = ids.iter().map(|id| self.keys.user(*id)).collect();
        let Stamped { connection, reply } = self
            .connection
            .run(self.limit, |link| get(link, keys))
            .await?;
        let reader = self.reader(namespace);
        let reply = answer(ids, reply, |id, reply| reader.look_up(*id, reply))?;
        Ok(Stamped { connection, reply })
    }

    async fn acquire_many(
        &self,
        namespace: CacheNamespace,
        requests: &[AcquireRequest],
    ) -> Result<Stamped<Vec<Acquired>>, CacheError> {
        if requests.is_empty() {
            return Ok(unasked());
        }
        let claim = |link| self.claim(link, namespace, requests);
        let Stamped { connection, reply } = self.connection.run(self.limit, claim).await?;
        let reader = self.reader(namespace);
        let reply = answer(requests, reply, |request, reply| {
            reader.acquired(request.lease.id, reply)
        })?;
        Ok(Stamped { connection, reply })
    }

    async fn fill_many(
        &self,
        namespace: CacheNamespace,
        fills: &[FillRequest],
    ) -> Result<Vec<FillOutcome>, CacheError> {
        if fills.is_empty() {
            return Ok(Vec::new());
        }
        let fill = |link| self.fill(link, namespace, fills);
        let replies = self.connection.run(self.limit, fill).await?.reply;
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
            .map(|lease| scripts::RELEASE.call(&[&self.keys.user(lease.id)], &[&lease.token.0]));
        let calls = calls.collect::<Calls>().0;
        self.run_script(&scripts::RELEASE, calls).await.map(drop)
    }

    async fn invalidate_many(
        &self,
        invalidations: &[Invalidation],
    ) -> Result<Vec<bool>, CacheError> {
        let calls = self.invalidator.calls(invalidations);
        let replies = self.run_script(&scripts::INVALIDATE, calls).await?.reply;
        answer(invalidations, replies, |_, reply| changed(&reply))
    }

    async fn evict_many(&self, ids: &[UserId]) -> Result<(), CacheError> {
        if ids.is_empty() {
            return Ok(());
        }
        // One command a key: on a cluster they lie in several slots.
        let mut pipeline = Pipeline::with_capacity(ids.len());
        for id in ids {
            pipeline.cmd("UNLINK").arg(self.keys.user(*id));
        }
        let unlink = |mut link: Link| async move {
            let replies = link.send_all(&pipeline).await?;
            replies
                .into_iter()
                .try_for_each(|reply| reply.extract_error().map(drop))
        };
        self.connection.run(self.limit, unlink).await.map(drop)
    }

    fn subscribe(&self, sink: Arc<dyn InvalidationSink>) {
        self.connection.pushes().subscribe(sink);
    }
}

/// Commands in one pipeline.
struct Calls(Pipeline);

impl FromIterator<Cmd> for Calls {
    fn from_iter<I: IntoIterator<Item = Cmd>>(calls: I) -> Self {
        let calls = calls.into_iter();
        let mut pipeline = Pipeline::with_capacity(calls.size_hint().0);
        for call in calls {
            pipeline.add_command(call);
        }
        Self(pipeline)
    }
}

/// What a fill stores, and the milliseconds to keep it.
fn filled(namespace: CacheNamespace, fill: &FillRequest) -> (Vec<u8>, String) {
    let envelope = match &fill.filling {
        Filling::User(user, expires_at) => envelope::value(namespace, user, *expires_at),
        Filling::Absent(floor) => envelope::absence(namespace, fill.lease.id, *floor),
    };
    (envelope, millis(fill.ttl))
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

/// The reply to a batch of none, for which nobody was asked.
fn unasked<T>() -> Stamped<Vec<T>> {
    Stamped {
        connection: ConnectionEpoch::UNTRACKED,
        reply: Vec::new(),
    }
}
