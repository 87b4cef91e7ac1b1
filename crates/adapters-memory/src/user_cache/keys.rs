use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use roster_domain::ports::{
    AcquireRequest, Acquired, CacheLookup, CacheMoment, CacheNamespace, CachePush, ConnectionEpoch,
    FillOutcome, FillRequest, Filling, Incarnation, Invalidation, InvalidationSink, Lease,
    LeaseToken, SeenBytes, Watermark,
};
use roster_domain::{Timestamp, UserId, UserVersion};

use super::entry::{Content, Entry};

/// All keys, and who hears of their changes.
pub(crate) struct Keys {
    /// The monotonic time of the call that is under way.
    pub(super) now: Duration,
    /// The cache's time when the monotonic clock was at zero, in microseconds since 1970.
    time_zero: u64,
    floor_ttl: Duration,
    pub(super) data: Data,
    stored: u64,
    /// Read since their last change: the next one is pushed.
    tracked: HashSet<UserId>,
    epoch: ConnectionEpoch,
    /// How often clock and history were replaced.
    clocks: u64,
    histories: u64,
    sinks: Vec<Arc<dyn InvalidationSink>>,
}

/// What lives and dies together.
#[derive(Clone, Default)]
pub(super) struct Data {
    entries: HashMap<UserId, Entry>,
    /// Of each database.
    watermarks: HashMap<u128, Watermark>,
    /// Who relays for each database, and until when on the monotonic clock.
    claims: HashMap<u128, (LeaseToken, Duration)>,
}

impl Keys {
    pub(super) fn new(floor_ttl: Duration, now: Timestamp) -> Self {
        Self {
            now: Duration::ZERO,
            time_zero: u64::try_from(now.unix_micros()).unwrap_or(0),
            floor_ttl,
            data: Data::default(),
            stored: 0,
            tracked: HashSet::new(),
            epoch: ConnectionEpoch(1),
            clocks: 1,
            histories: 1,
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
        // As a script reads its key: what it stores afterwards is a change of it.
        self.tracked.insert(id);
        let mut floor = UserVersion::NONE;
        let mut gone_at = now.saturating_add(request.hold_for);
        if let Some(entry) = self.entry(id) {
            if entry.content.is_answer() && request.unusable.as_ref() != Some(&entry.bytes) {
                return Acquired::Found(entry.look_up(namespace, now));
            }
            if let Content::Lease { free_at, .. } = &entry.content
                && now < *free_at
            {
                let remaining = free_at.saturating_sub(now);
                return Acquired::Wait { remaining };
            }
            floor = entry.content.floor_for(namespace);
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

    pub(crate) fn invalidate(&mut self, invalidation: &Invalidation) -> bool {
        let Invalidation { id, floor } = *invalidation;
        self.tracked.insert(id);
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
        if let Some(entry) = self.data.entries.get_mut(&id) {
            entry.bytes = SeenBytes(bytes);
        }
    }

    pub(super) fn lose(&mut self, id: UserId) {
        self.data.entries.remove(&id);
        self.changed(id);
    }

    pub(super) fn lose_all(&mut self) {
        self.replace_data(Data::default());
    }

    pub(super) fn repromote(&mut self, data: Data) {
        self.histories += 1;
        self.replace_data(data);
    }

    pub(super) fn fail_over(&mut self, data: Data) {
        self.clocks += 1;
        self.histories += 1;
        self.data = data;
        self.reconnect();
    }

    fn replace_data(&mut self, data: Data) {
        self.data = data;
        self.tracked.clear();
        self.push(&CachePush::AllChanged);
    }

    pub(super) fn step_time(&mut self, micros: i64) {
        self.time_zero = self.time_zero.saturating_add_signed(micros);
    }

    /// The cache's time.
    pub(crate) fn time(&self) -> CacheMoment {
        let passed = u64::try_from(self.now.as_micros()).unwrap_or(u64::MAX);
        CacheMoment(self.time_zero.saturating_add(passed))
    }

    pub(crate) fn incarnation(&self) -> Incarnation {
        Incarnation {
            clock: format!("clock-{}", self.clocks),
            history: format!("history-{}", self.histories),
        }
    }

    /// Takes or renews the claim; false when somebody else holds it.
    pub(crate) fn claim(&mut self, database: u128, holder: LeaseToken, hold_for: Duration) -> bool {
        let held = self.data.claims.get(&database);
        if held.is_some_and(|(by, until)| *by != holder && self.now < *until) {
            return false;
        }
        let until = self.now.saturating_add(hold_for);
        self.data.claims.insert(database, (holder, until));
        true
    }

    pub(crate) fn watermark(&self, database: u128) -> Option<Watermark> {
        self.data.watermarks.get(&database).cloned()
    }

    /// Stores the watermark unless the data is no longer that of `incarnation`, or one of the
    /// same clock and epoch is there that is not older; false then.
    pub(crate) fn set_watermark(
        &mut self,
        database: u128,
        incarnation: &Incarnation,
        new: Watermark,
    ) -> bool {
        let stored = self.data.watermarks.get(&database);
        let is_late = stored.is_some_and(|old| {
            (&old.clock, old.epoch) == (&new.clock, new.epoch) && old.at >= new.at
        });
        if is_late || self.incarnation() != *incarnation {
            return false;
        }
        self.data.watermarks.insert(database, new);
        true
    }

    /// This life of the connection, whoever listens to it.
    pub(crate) fn life(&self) -> ConnectionEpoch {
        self.epoch
    }

    /// The stamp of replies: without a sink nobody would hear that one became stale.
    pub(crate) fn connection(&self) -> ConnectionEpoch {
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
        if self.data.entries.get(&id)?.gone_at <= self.now {
            self.lose(id);
        }
        self.data.entries.get(&id)
    }

    /// Floor and end of life of a key that is under this lease, past its deadline or not.
    fn held(&mut self, lease: &Lease) -> Option<(UserVersion, Duration)> {
        self.tracked.insert(lease.id);
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
        self.data.entries.insert(id, entry);
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
