use std::sync::Arc;
use std::time::Duration;

use redis::{ErrorKind, RedisError, Value};
use roster_domain::ports::{Acquired, CacheError, CacheLookup, CacheNamespace, SeenBytes};
use roster_domain::{UserId, UserVersion};

use crate::PayloadFault;
use crate::connection::Connection;
use crate::envelope::{self, Stored};
use crate::observer::RedisEvent;

/// Reads replies for callers of one namespace, and counts what it passes over.
pub(crate) struct Reader<'c> {
    pub(crate) connection: &'c Connection,
    pub(crate) namespace: CacheNamespace,
}

impl Reader<'_> {
    /// The reply to a `GET`.
    pub(crate) fn look_up(&self, id: UserId, reply: Value) -> Result<CacheLookup, CacheError> {
        match reply {
            Value::Nil => Ok(floor(UserVersion::NONE)),
            Value::BulkString(bytes) => Ok(self.stored(id, &bytes)),
            Value::ServerError(error) if error.code() == "WRONGTYPE" => {
                self.count(PayloadFault::Foreign);
                Ok(floor(UserVersion::NONE))
            }
            Value::ServerError(error) => {
                Err(CacheError::Unavailable(Box::new(RedisError::from(error))))
            }
            _ => Err(unexpected("GET")),
        }
    }

    /// The reply to a wish for a lease.
    pub(crate) fn acquired(&self, id: UserId, reply: Value) -> Result<Acquired, CacheError> {
        let told = match reply {
            Value::Array(mut stored) => {
                return match stored.pop() {
                    Some(Value::BulkString(bytes)) => Ok(Acquired::Found(self.stored(id, &bytes))),
                    _ => Err(unexpected("acquire")),
                };
            }
            Value::BulkString(told) => told,
            // What was absent.
            Value::Okay => {
                let floor = UserVersion::NONE;
                return Ok(Acquired::Granted { floor });
            }
            _ => return Err(unexpected("acquire")),
        };
        let outcome = match told.split_first() {
            Some((b'W', millis)) => std::str::from_utf8(millis)
                .ok()
                .and_then(|millis| millis.parse().ok())
                .map(|millis| Acquired::Wait {
                    remaining: Duration::from_millis(millis),
                }),
            Some((kind @ (b'G' | b'F'), floor)) => {
                if *kind == b'F' {
                    self.count(PayloadFault::Foreign);
                }
                envelope::parse_hex(floor).map(|floor| Acquired::Granted { floor })
            }
            _ => None,
        };
        outcome.ok_or_else(|| unexpected("acquire"))
    }

    fn stored(&self, id: UserId, bytes: &[u8]) -> CacheLookup {
        let seen = || SeenBytes(Arc::from(bytes));
        match envelope::read(bytes, self.namespace, id) {
            Stored::Value { user, expires_at } => CacheLookup::Value {
                user,
                expires_at,
                seen: seen(),
            },
            Stored::Absent { floor } => CacheLookup::Absent {
                floor,
                seen: seen(),
            },
            Stored::Tombstone { floor: version } => floor(version),
            Stored::Leased { floor } => CacheLookup::Leased { floor },
            Stored::Newer { version } => {
                self.count(PayloadFault::NewerSchema);
                floor(version)
            }
            Stored::Unusable { floor, fault } => {
                self.count(fault);
                CacheLookup::Floor {
                    floor,
                    unusable: Some(seen()),
                }
            }
        }
    }

    fn count(&self, fault: PayloadFault) {
        self.connection.observe(RedisEvent::Refused(fault));
    }
}

/// Puts replies beside what was asked, in order.
pub(crate) fn answer<Q, A>(
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

/// What the server takes for a duration: at least 1.
pub(crate) fn millis(duration: Duration) -> String {
    duration.as_millis().max(1).to_string()
}

/// Nothing to name as unusable.
fn floor(floor: UserVersion) -> CacheLookup {
    CacheLookup::Floor {
        floor,
        unusable: None,
    }
}

/// A reply of another form than the command has; without the reply, which may hold a user.
pub(crate) fn unexpected(command: &'static str) -> CacheError {
    CacheError::Unavailable(Box::new(RedisError::from((
        ErrorKind::UnexpectedReturnType,
        "the reply has another form than the command's",
        command.to_owned(),
    ))))
}
