use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use roster_domain::ports::{CacheNamespace, Clock, Incarnation, KeptAnswer, WriteError};
use roster_domain::{
    Activity, ActivityId, Email, Fingerprint, KeySlot, NewUser, Notification, NotificationId,
    Timestamp, User, UserId, UserVersion,
};

/// A database in memory; its clones are the same database.
///
/// It has a clock of its own, as a server has: every call is a transaction and takes a
/// microsecond, and nothing else moves it unless it is given a [`Clock`] to follow.
#[derive(Clone)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    clock: Option<Arc<dyn Clock>>,
}

impl MemoryStore {
    /// An empty database.
    pub fn new() -> Self {
        Self::with_namespace(CacheNamespace {
            database: 1,
            epoch: 1,
        })
    }

    /// An empty database that names itself so to caches.
    pub fn with_namespace(namespace: CacheNamespace) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                now: Timestamp::UNIX_EPOCH,
                namespace,
                rows: BTreeMap::new(),
                claims: HashMap::new(),
                purged: HashSet::new(),
                changes: BTreeMap::new(),
                answers: HashMap::new(),
            })),
            clock: None,
        }
    }

    /// The same database, whose own clock goes on with the wall of this one. Where that steps
    /// back it stands still.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock: Some(clock),
            ..self
        }
    }

    /// Runs `work` alone on the state. It takes a function that cannot wait, so that the lock
    /// is never held over an await; one lock makes every call serialisable.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let next = state.now.plus(Duration::from_micros(1));
        let shown = self.clock.as_ref().map(|clock| clock.now());
        state.now = shown.map_or(next, |shown| shown.max(next));
        work(&mut state)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

/// What the database holds.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// The database's clock: when the transaction began.
    pub(crate) now: Timestamp,
    pub(crate) namespace: CacheNamespace,
    pub(crate) rows: BTreeMap<UserId, Row>,
    /// Who has a normalised address; deleted users keep theirs.
    claims: HashMap<String, UserId>,
    purged: HashSet<UserId>,
    /// The change log, by its key.
    pub(crate) changes: BTreeMap<(UserId, UserVersion), Change>,
    /// The answers of writes that were made under a key.
    pub(crate) answers: HashMap<KeySlot, Answer>,
}

/// What is kept under a key.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) request: Fingerprint,
    pub(crate) kept: KeptAnswer,
    pub(crate) at: Timestamp,
}

/// A row of the change log.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) at: Timestamp,
    /// Who acknowledged it last.
    pub(crate) applied_to: Option<Incarnation>,
}

/// A user that was not purged, with the feeds.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) user: User,
    pub(crate) deleted: bool,
    pub(crate) notifications: BTreeMap<NotificationId, Notification>,
    pub(crate) activities: BTreeMap<ActivityId, Activity>,
}

impl Row {
    /// How many notifications are unread.
    pub(crate) fn unread(&self) -> u64 {
        count(self.notifications.values().filter(|n| n.is_unread()))
    }
}

impl State {
    /// A user that is not deleted.
    pub(crate) fn live(&self, id: UserId) -> Option<&Row> {
        self.rows.get(&id).filter(|row| !row.deleted)
    }

    /// A user that is not deleted, to change.
    pub(crate) fn live_mut(&mut self, id: UserId) -> Option<&mut Row> {
        self.rows.get_mut(&id).filter(|row| !row.deleted)
    }

    /// Whose address this is.
    pub(crate) fn owner_of(&self, email: &Email) -> Option<UserId> {
        self.claims.get(email.normalized()).copied()
    }

    /// Whether there is or was a user with this id.
    pub(crate) fn knows(&self, id: UserId) -> bool {
        self.rows.contains_key(&id) || self.purged.contains(&id)
    }

    /// Whether there was never a user.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.purged.is_empty()
    }

    /// Adds a user with its claim, and no change-log row.
    pub(crate) fn add(&mut self, new: &NewUser) -> Result<User, WriteError> {
        if self.knows(new.id) {
            return Err(WriteError::IdTaken);
        }
        if self.owner_of(&new.email).is_some() {
            return Err(WriteError::EmailTaken);
        }
        let user = User {
            id: new.id,
            email: new.email.clone(),
            name: new.name.clone(),
            is_active: new.is_active,
            locale: new.locale.clone(),
            avatar_url: new.avatar_url.clone(),
            metadata: new.metadata.clone(),
            version: UserVersion::FIRST,
            created_at: new.created_at,
            updated_at: new.created_at,
        };
        self.claims.insert(new.email.normalized().into(), new.id);
        self.rows.insert(
            new.id,
            Row {
                user: user.clone(),
                deleted: false,
                notifications: BTreeMap::new(),
                activities: BTreeMap::new(),
            },
        );
        Ok(user)
    }

    /// Stores `next` over a live user at the next version, with its claim and its change-log
    /// row; `next` that differs in nothing changes nothing. True when it did.
    pub(crate) fn change(&mut self, mut next: User, at: Timestamp) -> Result<bool, WriteError> {
        let id = next.id;
        if self.owner_of(&next.email).is_some_and(|owner| owner != id) {
            return Err(WriteError::EmailTaken);
        }
        let Some(row) = self.rows.get_mut(&id).filter(|row| row.user != next) else {
            return Ok(false);
        };
        next.version = row.user.version.next();
        next.updated_at = at;
        self.claims.remove(row.user.email.normalized());
        self.claims.insert(next.email.normalized().into(), id);
        let version = next.version;
        row.user = next;
        self.log(id, version);
        Ok(true)
    }

    /// Marks a user as deleted or not, at the next version.
    pub(crate) fn mark(&mut self, id: UserId, deleted: bool, at: Timestamp) -> Option<User> {
        let row = self.rows.get_mut(&id)?;
        row.deleted = deleted;
        row.user.version = row.user.version.next();
        row.user.updated_at = at;
        let user = row.user.clone();
        self.log(id, user.version);
        Some(user)
    }

    /// Erases a user; the id stays taken.
    pub(crate) fn erase(&mut self, id: UserId) -> Option<UserVersion> {
        let row = self.rows.remove(&id)?;
        self.claims.remove(row.user.email.normalized());
        self.purged.insert(id);
        self.answers.retain(|_, answer| answer.kept.user != id);
        let version = row.user.version.next();
        self.log(id, version);
        Some(version)
    }

    /// Keeps an answer, and of the others that speak of the same user the newest.
    pub(crate) fn keep(&mut self, slot: KeySlot, answer: Answer) {
        let user = answer.kept.user;
        let others = self.answers.iter().filter(|(_, a)| a.kept.user == user);
        let mut others: Vec<_> = others.map(|(slot, a)| (a.at, *slot)).collect();
        others.sort_unstable();
        for (_, old) in others.iter().rev().skip(usize::from(KeptAnswer::MOST - 1)) {
            self.answers.remove(old);
        }
        self.answers.insert(slot, answer);
    }

    /// Leaves a row of the change log, of this transaction's time.
    pub(crate) fn log(&mut self, id: UserId, version: UserVersion) {
        let change = Change {
            at: self.now,
            applied_to: None,
        };
        self.changes.insert((id, version), change);
    }
}

/// How many there are, in the type of the counters.
pub(crate) fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    items.fold(0, |total, _| total + 1)
}
