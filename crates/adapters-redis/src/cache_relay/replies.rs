use redis::Value;
use roster_domain::ports::{CacheError, CacheMoment, Incarnation, Probe, RoundStart, Watermark};

use crate::PayloadFault;
use crate::connection::{Connection, Link};
use crate::observer::RedisEvent;
use crate::replies::unexpected;
use crate::watermark;

/// What a round begins with.
pub(super) struct Begun {
    pub(super) start: RoundStart,
    /// What is stored as the watermark and cannot be read.
    pub(super) unreadable: Option<Vec<u8>>,
}

/// Whoever answered must not be asked any further.
#[derive(Debug, thiserror::Error)]
enum NotOurs {
    #[error("the server became a {0}, and only a primary may be asked")]
    Role(String),
    #[error("another server answers on this connection than it was made to")]
    Process,
}

/// Reads the watermarks of one database, and counts what it passes over.
#[derive(Clone, Copy)]
pub(super) struct Marks<'c> {
    pub(super) connection: &'c Connection,
    pub(super) database: u128,
}

impl Marks<'_> {
    /// The watermark that a script answered, or the bytes that are none.
    fn read(self, reply: &Value) -> Result<(Option<Watermark>, Option<Vec<u8>>), CacheError> {
        let bytes = match reply {
            Value::Nil => return Ok((None, None)),
            Value::BulkString(bytes) => bytes,
            _ => return Err(unexpected("watermark")),
        };
        match watermark::decode(self.database, bytes) {
            Ok(watermark) => Ok((Some(watermark), None)),
            Err(fault) => {
                self.count(fault);
                Ok((None, Some(bytes.clone())))
            }
        }
    }

    fn count(self, fault: PayloadFault) {
        self.connection.observe(RedisEvent::Refused(fault));
    }
}

/// What the script that begins a round answered; none when the claim is somebody else's.
pub(super) fn read_start(
    marks: Marks<'_>,
    link: &Link,
    reply: Value,
) -> Result<Option<Begun>, CacheError> {
    let parts = match reply {
        Value::BulkString(told) if told == b"B" => return Ok(None),
        Value::Array(parts) => parts,
        _ => return Err(unexpected("relay_start")),
    };
    let [role, clock, history, stored, seconds, micros] = parts.as_slice() else {
        return Err(unexpected("relay_start"));
    };
    let clock = check(link, role, clock)?;
    let (watermark, unreadable) = marks.read(stored)?;
    Ok(Some(Begun {
        start: RoundStart {
            incarnation: Incarnation {
                clock,
                history: name(history)?,
            },
            watermark,
            now: moment(seconds, micros)?,
        },
        unreadable,
    }))
}

/// What the script that probes answered.
pub(super) fn read_probe(marks: Marks<'_>, link: &Link, reply: Value) -> Result<Probe, CacheError> {
    let Value::Array(parts) = reply else {
        return Err(unexpected("probe"));
    };
    let [role, clock, stored, seconds, micros] = parts.as_slice() else {
        return Err(unexpected("probe"));
    };
    Ok(Probe {
        clock: check(link, role, clock)?,
        watermark: marks.read(stored)?.0,
        now: moment(seconds, micros)?,
    })
}

/// The process that answered, when it is the one that the connection was made to, and a primary.
fn check(link: &Link, role: &Value, clock: &Value) -> Result<String, CacheError> {
    let (role, clock) = (name(role)?, name(clock)?);
    let refusal = if role != "master" {
        NotOurs::Role(role)
    } else if link.run_id().is_some_and(|run_id| run_id != clock) {
        NotOurs::Process
    } else {
        return Ok(clock);
    };
    link.leave();
    Err(CacheError::Unavailable(Box::new(refusal)))
}

/// A text that is not empty.
fn name(reply: &Value) -> Result<String, CacheError> {
    text(reply)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .ok_or_else(|| unexpected("INFO"))
}

/// The reply to `TIME`.
fn moment(seconds: &Value, micros: &Value) -> Result<CacheMoment, CacheError> {
    let number = |reply| text(reply)?.parse::<u64>().ok();
    let moment = || {
        let seconds = number(seconds)?.checked_mul(1_000_000)?;
        seconds.checked_add(number(micros)?).map(CacheMoment)
    };
    moment().ok_or_else(|| unexpected("TIME"))
}

fn text(reply: &Value) -> Option<&str> {
    match reply {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}
