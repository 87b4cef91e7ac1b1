use std::sync::Arc;

use roster_domain::ports::{CachePush, InvalidationSink};

use super::auditor::Auditor;
use super::near_cache::NearCache;

/// Takes what the tracked connection pushes, in order with the replies that it brings.
pub(super) struct Tracking {
    pub(super) near: Arc<NearCache>,
    pub(super) auditor: Arc<Auditor>,
}

impl InvalidationSink for Tracking {
    fn push(&self, push: CachePush) {
        match push {
            CachePush::Connected(connection) => self.near.connected(connection),
            CachePush::Changed(ids) => {
                for id in ids {
                    self.near.changed(id);
                    self.auditor.note(id);
                }
            }
            CachePush::AllChanged => self.near.void(),
            CachePush::Disconnected => self.near.disconnected(),
        }
    }
}
