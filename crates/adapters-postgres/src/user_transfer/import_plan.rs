//! What an import does to each row, decided in memory: the rows of a batch one after the
//! other, on what the database holds.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use roster_domain::ports::{ImportRow, OnConflict, RowResult, StoreError};
use roster_domain::{NewUser, Timestamp, User, UserVersion};
use sqlx::types::Uuid;

use super::import_statements::{ClaimRow, LockedRow};
use crate::user_row::UserRow;

/// The addresses of a batch in the form that is compared, each once.
pub(super) fn addresses(rows: &[ImportRow]) -> Vec<String> {
    let addresses: BTreeSet<_> = rows.iter().map(|row| row.user.email.normalized()).collect();
    addresses.into_iter().map(str::to_owned).collect()
}

/// The ids of a batch and of the owners of its addresses, each once, in order: so that
/// imports lock in one order.
pub(super) fn ids(rows: &[ImportRow], owners: &[ClaimRow]) -> Vec<Uuid> {
    let own = rows.iter().map(|row| row.user.id.get());
    let ids: BTreeSet<_> = own
        .chain(owners.iter().map(|owner| owner.user_id))
        .collect();
    ids.into_iter().collect()
}

/// What the database holds of everything that a batch names.
#[derive(Debug, Default)]
pub(super) struct Known {
    live: HashMap<Uuid, User>,
    deleted: HashSet<Uuid>,
    purged: HashSet<Uuid>,
    claims: HashMap<String, Uuid>,
}

impl Known {
    pub(super) fn new(
        users: Vec<LockedRow>,
        purged: Vec<Uuid>,
        claims: Vec<ClaimRow>,
    ) -> Result<Self, StoreError> {
        let mut known = Self {
            purged: purged.into_iter().collect(),
            claims: claims
                .into_iter()
                .map(|claim| (claim.email, claim.user_id))
                .collect(),
            ..Self::default()
        };
        for row in users {
            if row.deleted {
                known.deleted.insert(row.id);
            } else {
                known
                    .live
                    .insert(row.id, User::try_from(UserRow::from(row))?);
            }
        }
        Ok(known)
    }

    fn knows(&self, id: Uuid) -> bool {
        self.live.contains_key(&id) || self.deleted.contains(&id) || self.purged.contains(&id)
    }
}

/// The results of a batch, and what is written for it.
#[derive(Debug)]
pub(super) struct Plan {
    /// One a row, in their order.
    pub(super) results: Vec<RowResult>,
    /// `None` when nothing is written.
    pub(super) changes: Option<Changes>,
}

/// What is written for a batch: each user once, in its last state.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) created: Vec<User>,
    pub(super) updated: Vec<User>,
    /// Addresses given back, with who had them.
    pub(super) released: Vec<(String, Uuid)>,
    /// Addresses taken, by address: so that imports wait for each other in one order.
    pub(super) claimed: BTreeMap<String, Uuid>,
    /// Every version that came to be.
    pub(super) log: Vec<(Uuid, UserVersion)>,
}

impl Plan {
    pub(super) fn new(
        known: Known,
        rows: &[ImportRow],
        on_conflict: OnConflict,
        at: Timestamp,
    ) -> Self {
        let mut planner = Planner {
            known,
            before: BTreeMap::new(),
            log: Vec::new(),
        };
        let mut results: Vec<_> = rows
            .iter()
            .map(|row| planner.row(row, on_conflict, at))
            .collect();
        let created = |result: &RowResult| matches!(result, RowResult::Created(_));
        if on_conflict == OnConflict::Fail && !results.iter().all(created) {
            for result in results.iter_mut().filter(|result| created(result)) {
                *result = RowResult::NotStored;
            }
            return Self {
                results,
                changes: None,
            };
        }
        Self {
            results,
            changes: planner.changes(),
        }
    }
}

struct Planner {
    known: Known,
    /// The address of every changed user before the batch; `None` for a new one.
    before: BTreeMap<Uuid, Option<String>>,
    log: Vec<(Uuid, UserVersion)>,
}

impl Planner {
    fn row(&mut self, row: &ImportRow, on_conflict: OnConflict, at: Timestamp) -> RowResult {
        let new = &row.user;
        let id = new.id.get();
        let owner = self.known.claims.get(new.email.normalized()).copied();
        let stored = match owner {
            // The id was made for the row: the address says who it is.
            Some(owner) if !row.id_given => match self.known.live.get(&owner) {
                Some(stored) => stored,
                None => return RowResult::EmailTaken,
            },
            _ => match self.known.live.get(&id) {
                Some(stored) if row.id_given => stored,
                _ if self.known.knows(id) => return RowResult::IdTaken,
                _ if owner.is_some() => return RowResult::EmailTaken,
                _ => return self.create(new),
            },
        };
        match on_conflict {
            OnConflict::Skip => RowResult::Skipped(stored.id),
            OnConflict::Fail => RowResult::Exists(stored.id),
            OnConflict::Update if owner.is_some_and(|owner| owner != stored.id.get()) => {
                RowResult::EmailTaken
            }
            OnConflict::Update => {
                let stored = stored.clone();
                self.update(&stored, new, at)
            }
        }
    }

    fn create(&mut self, new: &NewUser) -> RowResult {
        let id = new.id;
        let user = User {
            id,
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
        let address = new.email.normalized().to_owned();
        self.known.claims.insert(address, id.get());
        self.before.insert(id.get(), None);
        self.log.push((id.get(), user.version));
        self.known.live.insert(id.get(), user);
        RowResult::Created(id)
    }

    fn update(&mut self, stored: &User, new: &NewUser, at: Timestamp) -> RowResult {
        let id = stored.id;
        let next = User {
            email: new.email.clone(),
            name: new.name.clone(),
            is_active: new.is_active,
            locale: new.locale.clone(),
            avatar_url: new.avatar_url.clone(),
            metadata: new.metadata.clone(),
            ..stored.clone()
        };
        if next == *stored {
            return RowResult::Skipped(id);
        }
        let address = stored.email.normalized().to_owned();
        self.known.claims.remove(&address);
        let claim = next.email.normalized().to_owned();
        self.known.claims.insert(claim, id.get());
        self.before.entry(id.get()).or_insert(Some(address));
        let next = User {
            version: stored.version.next(),
            updated_at: at,
            ..next
        };
        let version = next.version;
        self.log.push((id.get(), version));
        self.known.live.insert(id.get(), next);
        RowResult::Updated(id, version)
    }

    fn changes(mut self) -> Option<Changes> {
        let mut changes = Changes {
            log: self.log,
            ..Changes::default()
        };
        for (id, before) in self.before {
            let Some(user) = self.known.live.remove(&id) else {
                continue;
            };
            let address = user.email.normalized();
            if before.as_deref() != Some(address) {
                changes.claimed.insert(address.to_owned(), id);
                if let Some(before) = &before {
                    changes.released.push((before.clone(), id));
                }
            }
            if before.is_none() {
                changes.created.push(user);
            } else {
                changes.updated.push(user);
            }
        }
        (!changes.log.is_empty()).then_some(changes)
    }
}
