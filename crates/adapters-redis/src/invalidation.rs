//! Saying that versions are stale, for the cache and for a round of the relay.

use std::time::Duration;

use redis::{Pipeline, Value};
use roster_domain::ports::{CacheError, Invalidation};

use crate::key::Keys;
use crate::replies::{millis, unexpected};
use crate::{envelope, scripts};

/// What invalidations are made of.
#[derive(Clone, Debug)]
pub(crate) struct Invalidator {
    keys: Keys,
    tombstone_ttl: Duration,
}

impl Invalidator {
    pub(crate) fn new(keys: Keys, tombstone_ttl: Duration) -> Self {
        Self {
            keys,
            tombstone_ttl,
        }
    }

    /// One call of [`scripts::INVALIDATE`] each.
    pub(crate) fn calls(&self, invalidations: &[Invalidation]) -> Pipeline {
        let keep_for = millis(self.tombstone_ttl);
        let mut pipeline = Pipeline::with_capacity(invalidations.len());
        for Invalidation { id, floor } in invalidations {
            let arguments = [&envelope::hex(*floor)[..], keep_for.as_bytes()];
            pipeline.add_command(scripts::INVALIDATE.call(&[&self.keys.user(*id)], &arguments));
        }
        pipeline
    }
}

/// Whether a call changed something.
pub(crate) fn changed(reply: &Value) -> Result<bool, CacheError> {
    match reply {
        Value::Int(changed) => Ok(*changed == 1),
        _ => Err(unexpected("invalidate")),
    }
}
