//! The bytes of one key.
//!
//! All begins with one tag octet and a number as 16 lower-case hex digits, so that scripts
//! compare it as text. What follows has fixed widths; integers are big-endian.
//!
//! `V`, a row at the version that the number is:
//!
//! | from | octets | what |
//! |---|---|---|
//! | 17 | 2 | schema number of the payload |
//! | 19 | 16 | cache epoch |
//! | 35 | 16 | database id |
//! | 51 | 16 | entity id |
//! | 67 | 8 | soft expiry, signed, microseconds since 1970 |
//! | 75 | 4 | length of the payload |
//! | 79 | 4 | CRC-32 (IEEE) of everything else, in order |
//! | 83 | … | payload |
//!
//! `N`, known to be absent; the number is the floor of the lease that filled it:
//!
//! | from | octets | what |
//! |---|---|---|
//! | 17 | 16 | cache epoch |
//! | 33 | 16 | database id |
//! | 49 | 16 | entity id |
//! | 65 | 4 | CRC-32 (IEEE) of everything before |
//!
//! `T`, a tombstone: nothing more. `L`, a lease: the deadline as 16 decimal digits (milliseconds
//! of the server's clock), then the token of 16 octets. A lease of an absent key has no floor that
//! must outlive it, and ends with its key: its deadline is 16 nines.
//!
//! This frame is for ever: a release may change the payload, never what stands in front of it.
//! So each release can tell of any other's value whose it is, and leave a newer one alone.

use std::sync::Arc;

use roster_domain::ports::{CacheNamespace, LeaseToken};
use roster_domain::{Timestamp, User, UserId, UserVersion};

use crate::PayloadFault;

mod payload;

/// The schema that this release writes.
///
/// A field more in [`payload`] needs the next number as soon as its absence would be a lie:
/// an old release drops what it does not know when it fills.
pub(crate) const SCHEMA: u16 = 1;
/// The oldest schema that this release reads.
pub(crate) const OLDEST_SCHEMA: u16 = 1;

const NUMBER_END: usize = 17;
const VALUE_CRC: usize = 79;
const VALUE_HEAD: usize = 83;
const ABSENCE_CRC: usize = 65;
const ABSENCE_LEN: usize = 69;
const LEASE_LEN: usize = 49;
/// A lease before its token: no floor, and no deadline but that of its key.
const LEASE_OF_NOTHING: &[u8; 33] = b"L00000000000000009999999999999999";

/// The lease of an absent key.
pub(crate) fn lease_of_nothing(token: LeaseToken) -> [u8; LEASE_LEN] {
    let mut bytes = [0; LEASE_LEN];
    let (head, tail) = bytes.split_at_mut(LEASE_OF_NOTHING.len());
    head.copy_from_slice(LEASE_OF_NOTHING);
    tail.copy_from_slice(&token.0);
    bytes
}

/// What a key holds, as far as this release and this caller can use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    Value {
        user: Arc<User>,
        expires_at: Timestamp,
    },
    Absent {
        floor: UserVersion,
    },
    Tombstone {
        floor: UserVersion,
    },
    Leased {
        floor: UserVersion,
    },
    /// To be passed over. The floor is known only where the value is the caller's own.
    Unusable {
        floor: UserVersion,
        fault: PayloadFault,
    },
    /// A newer release's value for this caller, which must stay.
    Newer {
        version: UserVersion,
    },
}

/// A number as the scripts compare it.
pub(crate) fn hex(version: UserVersion) -> [u8; 16] {
    let mut digits = [0; 16];
    for (place, digit) in digits.iter_mut().rev().enumerate() {
        let nibble = (version.get() >> (4 * place)) & 0xf;
        *digit = b"0123456789abcdef"[usize::try_from(nibble).unwrap_or(0)];
    }
    digits
}

/// Reads a number as scripts write it: 16 lower-case digits, nothing else.
pub(crate) fn parse_hex(digits: &[u8]) -> Option<UserVersion> {
    if digits.len() != 16 {
        return None;
    }
    let mut number = 0_u64;
    for digit in digits {
        let nibble = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        number = number << 4 | u64::from(nibble);
    }
    Some(UserVersion::new(number))
}

/// The bytes of a value.
pub(crate) fn value(namespace: CacheNamespace, user: &User, expires_at: Timestamp) -> Vec<u8> {
    framed_value(
        SCHEMA,
        namespace,
        (user.id, user.version),
        expires_at,
        &payload::encode(user),
    )
}

/// The bytes of an absence.
pub(crate) fn absence(namespace: CacheNamespace, id: UserId, floor: UserVersion) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ABSENCE_LEN);
    bytes.push(b'N');
    bytes.extend_from_slice(&hex(floor));
    bytes.extend_from_slice(&namespace.epoch.to_be_bytes());
    bytes.extend_from_slice(&namespace.database.to_be_bytes());
    bytes.extend_from_slice(id.get().as_bytes());
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_be_bytes());
    bytes
}

fn framed_value(
    schema: u16,
    namespace: CacheNamespace,
    (id, version): (UserId, UserVersion),
    expires_at: Timestamp,
    payload: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(VALUE_HEAD + payload.len());
    bytes.push(b'V');
    bytes.extend_from_slice(&hex(version));
    bytes.extend_from_slice(&schema.to_be_bytes());
    bytes.extend_from_slice(&namespace.epoch.to_be_bytes());
    bytes.extend_from_slice(&namespace.database.to_be_bytes());
    bytes.extend_from_slice(id.get().as_bytes());
    bytes.extend_from_slice(&expires_at.unix_micros().to_be_bytes());
    // A user is bounded far below 4 GiB by its own types.
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_be_bytes());
    let crc = checksum(&bytes, payload);
    bytes.extend_from_slice(&crc.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn checksum(head: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(payload);
    hasher.finalize()
}

/// Reads what is stored under the key of `id`.
pub(crate) fn read(bytes: &[u8], namespace: CacheNamespace, id: UserId) -> Stored {
    let number = bytes.get(1..NUMBER_END).and_then(parse_hex);
    let outcome = match (bytes.first(), number) {
        (Some(b'V'), Some(version)) => read_value(bytes, version, namespace, id),
        (Some(b'N'), Some(floor)) => read_absence(bytes, floor, namespace, id),
        (Some(b'T'), Some(floor)) if bytes.len() == NUMBER_END => Ok(Stored::Tombstone { floor }),
        (Some(b'L'), Some(floor)) if bytes.len() == LEASE_LEN => Ok(Stored::Leased { floor }),
        (Some(b'V' | b'N' | b'T' | b'L'), _) => Err(PayloadFault::Torn),
        _ => Err(PayloadFault::Foreign),
    };
    outcome.unwrap_or_else(|fault| Stored::Unusable {
        floor: match fault {
            PayloadFault::OlderSchema | PayloadFault::Unreadable => number.unwrap_or_default(),
            _ => UserVersion::NONE,
        },
        fault,
    })
}

/// What a value that must be passed over still says about the row: every version below is stale.
pub(crate) fn floor(bytes: &[u8], namespace: CacheNamespace, id: UserId) -> UserVersion {
    match read(bytes, namespace, id) {
        Stored::Value { user, .. } => user.version,
        Stored::Newer { version } => version,
        Stored::Unusable { floor, .. } | Stored::Tombstone { floor } | Stored::Leased { floor } => {
            floor
        }
        Stored::Absent { .. } => UserVersion::NONE,
    }
}

fn read_value(
    bytes: &[u8],
    version: UserVersion,
    namespace: CacheNamespace,
    id: UserId,
) -> Result<Stored, PayloadFault> {
    let mut fields = Fields(bytes.get(NUMBER_END..).unwrap_or_default());
    let schema = u16::from_be_bytes(fields.take()?);
    let owner = fields.owner()?;
    let expires_at = i64::from_be_bytes(fields.take()?);
    let length = u32::from_be_bytes(fields.take()?);
    let crc = u32::from_be_bytes(fields.take()?);
    let Fields(payload) = fields;
    let is_whole = usize::try_from(length) == Ok(payload.len())
        && checksum(bytes.get(..VALUE_CRC).unwrap_or_default(), payload) == crc;
    if !is_whole {
        return Err(PayloadFault::Torn);
    }
    owner.check(namespace, id)?;
    if schema > SCHEMA {
        return Ok(Stored::Newer { version });
    }
    if schema < OLDEST_SCHEMA {
        return Err(PayloadFault::OlderSchema);
    }
    let expires_at =
        Timestamp::from_unix_micros(expires_at).map_err(|_| PayloadFault::Unreadable)?;
    let user = payload::decode(payload, id, version).ok_or(PayloadFault::Unreadable)?;
    Ok(Stored::Value {
        user: Arc::new(user),
        expires_at,
    })
}

fn read_absence(
    bytes: &[u8],
    floor: UserVersion,
    namespace: CacheNamespace,
    id: UserId,
) -> Result<Stored, PayloadFault> {
    let mut fields = Fields(bytes.get(NUMBER_END..).unwrap_or_default());
    let owner = fields.owner()?;
    let crc = u32::from_be_bytes(fields.take()?);
    let head = bytes.get(..ABSENCE_CRC).unwrap_or_default();
    if bytes.len() != ABSENCE_LEN || crc32fast::hash(head) != crc {
        return Err(PayloadFault::Torn);
    }
    owner.check(namespace, id)?;
    Ok(Stored::Absent { floor })
}

/// What of the bytes is not read yet.
struct Fields<'b>(&'b [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], PayloadFault> {
        let (field, rest) = self.0.split_first_chunk().ok_or(PayloadFault::Torn)?;
        self.0 = rest;
        Ok(*field)
    }

    fn owner(&mut self) -> Result<Owner, PayloadFault> {
        Ok(Owner {
            epoch: u128::from_be_bytes(self.take()?),
            database: u128::from_be_bytes(self.take()?),
            id: u128::from_be_bytes(self.take()?),
        })
    }
}

/// Whose value it is.
struct Owner {
    epoch: u128,
    database: u128,
    id: u128,
}

impl Owner {
    fn check(&self, namespace: CacheNamespace, id: UserId) -> Result<(), PayloadFault> {
        if self.database != namespace.database {
            Err(PayloadFault::OtherDatabase)
        } else if self.epoch != namespace.epoch {
            Err(PayloadFault::OtherEpoch)
        } else if self.id != id.get().as_u128() {
            Err(PayloadFault::OtherEntity)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
