use std::sync::Arc;

use super::auditor::Auditor;
use super::cached_users::CachedUsers;
use super::relay::Relay;
use super::watermark::Proofs;

/// What goes on beside the requests where there is a shared cache: the relay, the proofs and
/// the auditor.
pub struct CacheUpkeep {
    relay: Arc<Relay>,
    proofs: Arc<Proofs>,
    auditor: Arc<Auditor>,
}

impl CacheUpkeep {
    /// Keeps the caches up; never ends.
    pub async fn run(self) {
        futures::join!(self.relay.run(), self.proofs.run(), self.auditor.run());
    }
}

impl CachedUsers {
    /// What has to run beside the requests; `None` without a shared cache.
    pub(crate) fn upkeep(&self) -> Option<CacheUpkeep> {
        let shared = self.shared.as_ref()?;
        Some(CacheUpkeep {
            relay: Arc::clone(&shared.relay),
            proofs: Arc::clone(&shared.proofs),
            auditor: Arc::clone(&shared.auditor),
        })
    }
}
