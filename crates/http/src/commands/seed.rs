use super::Failure;
use crate::progress::{Progress, Step, grouped};
use crate::seeding::{SeedError, SeedPlan, fill, plan_for};
use crate::settings::Settings;
use crate::system;
use crate::wiring::{OpenTransfer, open_transfer};

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How many users
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=SeedPlan::MAX_USERS))]
    users: u64,
    /// Which users: the same number and seed make the same users, ids and times included
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Add users to a database that has some
    #[arg(long)]
    append: bool,
}

/// Fills the store with made-up users and their feeds.
pub(super) async fn run(args: Args, settings: &Settings) -> Result<(), Failure> {
    let runtime = system::runtime();
    let open = open_transfer(settings, &runtime).await?;
    let mut progress = Progress::start(runtime.clock);
    let seeded = seed(&args, &open, &mut progress).await;
    if let Ok((users, summary)) = &seeded {
        progress.finish(*users, summary);
    }
    open.close().await;
    seeded.map(|_| ())
}

async fn seed(
    args: &Args,
    open: &OpenTransfer,
    progress: &mut Progress,
) -> Result<(u64, String), Failure> {
    let transfer = &*open.transfer;
    let plan = match plan_for(transfer, args.users, args.seed, args.append).await {
        Err(SeedError::NotEmpty) => {
            return Err(Failure::message(format!(
                "{} is not empty; --append adds users to those that are there",
                open.description
            )));
        }
        other => other?,
    };
    let mut stored = 0;
    let outcome = fill(transfer, plan, |seeded| {
        stored = seeded.users;
        progress.tell(Step {
            done: seeded.users,
            unit: "users",
            way: Some((seeded.users, args.users)),
        });
    });
    let seeded = outcome.await.map_err(|error| {
        Failure::new(format!("only {} users were stored", grouped(stored)), error)
    })?;
    let summary = format!(
        "stored {} users, {} notifications and {} activities in {}",
        grouped(seeded.users),
        grouped(seeded.notifications),
        grouped(seeded.activities),
        open.description,
    );
    Ok((seeded.users, summary))
}
