use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use roster_domain::ports::{
    AcquireRequest, Acquired, CacheLookup, CacheNamespace, CachePush, ConnectionEpoch, FillOutcome,
    FillRequest, Filling, Invalidation, InvalidationSink, Lease, SeenBytes,
};
use roster_domain::{UserId, UserVersion};

use super::entry::{Content, Entry};

/// All keys, and who hears of their changes.
pub(super) struct Keys {
    /// The monotonic time of the call that is under way.
    pub(super) now: Duration,
    floor_ttl: Duration,
    entries: HashMap<UserId, Entry>,
    stored: u64,
    /// Read since their last change: the next one is pushed.
    tracked: HashSet<UserId>,
    epoch: ConnectionEpoch,
    sinks: Vec<Arc<dyn InvalidationSink>>,
}

impl Keys {
    pub(super) fn new(floor_ttl: Duration) -> Self {
        Self {
            now: Duration::ZERO,
            floor_ttl,
            entries: HashMap::new(),
            stored: 0,
            tracked: HashSet::new(),
            epoch: ConnectionEpoch(1),
            sinks: Vec::new(),
        }
    }

    pub(super) fn get(&mut self, namespace: CacheNamespace, id: UserId) -> CacheLookup {
        self.tracked.insert(id);
        let now = self.now;
        match self.entry(id) {
            Some(entry) => entry.look_up(namespace, now),
            None => CacheLookup::Floor {
                floor: UserVersion::NONE,
                unusable: None,
            },
        }
    }

    pub(super) fn acquire(
        &mut self,
        namespace: CacheNamespace,
        request: &AcquireRequest,
    ) -> Acquired {
        let (now, Lease { id, token }) = (self.now, request.lease);
        let mut floor = UserVersion::NONE;
        let mut gone_at = now.saturating_add(request.hold_for);
        if let Some(entry) = self.entry(id) {
            if entry.content.is_answer() && request.unusable.as_ref() != Some(&entry.bytes) {
                let found = Acquired::Found(entry.look_up(namespace, now));
                self.tracked.insert(id);
                return found;
            }
            if let Content::Lease { free_at, .. } = &entry.content
                && now < *free_at
            {
                let remaining = free_at.saturating_sub(now);
                self.tracked.insert(id);
                return Acquired::Wait { remaining };
            }
            floor = entry.content.floor();
            // A lease must not shorten the life of the floor that it carries.
            if !entry.content.is_answer() {
                gone_at = gone_at.max(entry.gone_at);
            }
        }
        let free_at = now.saturating_add(request.hold_for);
        let lease = Content::Lease {
            floor,
            token,
            free_at,
        };
        self.store(id, lease, gone_at);
        self.tracked.insert(id);
        Acquired::Granted { floor }
    }

    pub(super) fn fill(&mut self, namespace: CacheNamespace, fill: &FillRequest) -> FillOutcome {
        let id = fill.lease.id;
        let Some((floor, kept_until)) = self.held(&fill.lease) else {
            return FillOutcome::Refused;
        };
        let (version, content) = match &fill.filling {
            Filling::User(user, expires_at) => (
                user.version,
                Content::Value {
                    namespace,
                    user: Arc::clone(user),
                    expires_at: *expires_at,
                },
            ),
            Filling::Absent(floor) => (
                *floor,
                Content::Absent {
                    namespace,
                    floor: *floor,
                },
            ),
        };
        if version < floor {
            self.store(id, Content::Floor(floor), kept_until);
            return FillOutcome::StaleSource;
        }
        self.store(id, content, self.now.saturating_add(fill.ttl));
        FillOutcome::Stored
    }

    pub(super) fn release(&mut self, lease: &Lease) {
        match self.held(lease) {
            Some((UserVersion::NONE, _)) => self.lose(lease.id),
            Some((floor, kept_until)) => self.store(lease.id, Content::Floor(floor), kept_until),
            None => {}
        }
    }

    pub(super) fn invalidate(&mut self, invalidation: &Invalidation) -> bool {
        let Invalidation { id, floor } = *invalidation;
        let mut known = UserVersion::NONE;
        if let Some(entry) = self.entry(id) {
            if let Content::Absent { floor, .. } = entry.content {
                known = floor;
            } else if !matches!(entry.content, Content::Foreign) {
                known = entry.content.floor();
                if known >= floor {
                    return false;
                }
            }
        }
        let gone_at = self.now.saturating_add(self.floor_ttl);
        self.store(id, Content::Floor(floor.max(known)), gone_at);
        true
    }

    pub(super) fn store_foreign(&mut self, id: UserId, bytes: Arc<[u8]>) {
        self.store(id, Content::Foreign, Duration::MAX);
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.bytes = SeenBytes(bytes);
        }
    }

    pub(super) fn lose(&mut self, id: UserId) {
        self.entries.remove(&id);
        self.changed(id);
    }

    pub(super) fn lose_all(&mut self) {
        self.entries.clear();
        self.tracked.clear();
        self.push(&CachePush::AllChanged);
    }

    /// The stamp of replies: without a sink nobody would hear that one became stale.
    pub(super) fn connection(&self) -> ConnectionEpoch {
        if self.sinks.is_empty() {
            ConnectionEpoch::UNTRACKED
        } else {
            self.epoch
        }
    }

    pub(super) fn subscribe(&mut self, sink: Arc<dyn InvalidationSink>) {
        sink.push(CachePush::Connected(self.epoch));
        self.sinks.push(sink);
    }

    pub(super) fn reconnect(&mut self) {
        self.push(&CachePush::Disconnected);
        self.tracked.clear();
        self.epoch = ConnectionEpoch(self.epoch.0 + 1);
        self.push(&CachePush::Connected(self.epoch));
    }

    /// The entry of a key, unless its time is over.
    fn entry(&mut self, id: UserId) -> Option<&Entry> {
        if self.entries.get(&id)?.gone_at <= self.now {
            self.lose(id);
        }
        self.entries.get(&id)
    }

    /// Floor and end of life of a key that is under this lease, past its deadline or not.
    fn held(&mut self, lease: &Lease) -> Option<(UserVersion, Duration)> {
        let entry = self.entry(lease.id)?;
        match entry.content {
            Content::Lease { floor, token, .. } if token == lease.token => {
                Some((floor, entry.gone_at))
            }
            _ => None,
        }
    }

    fn store(&mut self, id: UserId, content: Content, gone_at: Duration) {
        self.stored += 1;
        let bytes = SeenBytes(Arc::new(self.stored.to_be_bytes()));
        let entry = Entry {
            content,
            gone_at,
            bytes,
        };
        self.entries.insert(id, entry);
        self.changed(id);
    }

    fn changed(&mut self, id: UserId) {
        if self.tracked.remove(&id) {
            self.push(&CachePush::Changed(vec![id]));
        }
    }

    fn push(&self, push: &CachePush) {
        for sink in &self.sinks {
            sink.push(push.clone());
        }
    }
}
