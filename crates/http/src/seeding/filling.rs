use std::sync::Arc;

use roster_domain::ports::{StoreError, UserTransfer};
use roster_domain::{Invalid, UserId};
use uuid::Uuid;

use super::{SeedPlan, batches};

/// Why a store could not be filled.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// There are users, or were, and none were to be added to them.
    #[error("the database is not empty")]
    NotEmpty,
    /// What was asked for cannot be made.
    #[error("the users cannot be made")]
    Plan(#[from] Invalid),
    /// The store could not answer. What was told as progress is stored.
    #[error("the users cannot be stored")]
    Store(#[from] StoreError),
}

/// What was stored so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seeded {
    /// Users.
    pub users: u64,
    /// Their notifications.
    pub notifications: u64,
    /// Their activities.
    pub activities: u64,
}

/// The plan for a store: the first run of the seed, or with `append` the first one that the
/// store does not have yet.
pub async fn plan_for(
    transfer: &dyn UserTransfer,
    users: u64,
    seed: u64,
    append: bool,
) -> Result<SeedPlan, SeedError> {
    let mut plan = SeedPlan::new(users, seed, 0)?;
    if transfer.is_empty().await? {
        return Ok(plan);
    }
    if !append {
        return Err(SeedError::NotEmpty);
    }
    let mut run = 0;
    while is_there(transfer, &plan).await? {
        run += 1;
        plan = SeedPlan::new(users, seed, run)?;
    }
    Ok(plan)
}

/// Whether a plan was carried out, or begun: one of its first users is there. All of them
/// deleted go unseen, and the store refuses the first batch.
async fn is_there(transfer: &dyn UserTransfer, plan: &SeedPlan) -> Result<bool, SeedError> {
    for index in 0..plan.users().min(16) {
        let id = plan.id(index);
        let before = UserId::new(Uuid::from_u128(id.get().as_u128() - 1));
        let next = transfer.export(Some(before), 1).await?;
        if next.first().is_some_and(|user| user.id == id) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Stores a plan's users, a transaction a batch, and refreshes the store's statistics.
pub async fn fill(
    transfer: &dyn UserTransfer,
    plan: SeedPlan,
    mut progressed: impl FnMut(&Seeded),
) -> Result<Seeded, SeedError> {
    let mut seeded = Seeded::default();
    let mut batches = batches(Arc::new(plan));
    while let Some(batch) = batches.recv().await {
        let batch = batch?;
        transfer.seed(&batch).await?;
        for user in &batch.users {
            seeded.users += 1;
            seeded.notifications += user.notifications.len() as u64;
            seeded.activities += user.activities.len() as u64;
        }
        progressed(&seeded);
    }
    transfer.analyze().await?;
    Ok(seeded)
}
