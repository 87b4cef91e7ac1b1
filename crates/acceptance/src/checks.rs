//! What is driven and counted, one check a file.

mod addresses;
mod contract;
mod crashes;
mod dashboards;
mod depth;
mod hostile_strings;
mod moving_walk;
mod random_reads;
mod redis_faults;
mod stampede;
mod updates;
mod walk;

use uuid::Uuid;

use crate::Result;
use crate::client::{Client, take_repeated};
use crate::report::Report;
use crate::roster::{Roster, say};
use crate::store::{Kind, Store};

/// What every check works on.
pub(crate) struct Stage<'a> {
    pub(crate) store: &'a Store,
    pub(crate) roster: &'a Roster,
    pub(crate) client: Client,
    /// The active users in the order of the list, as seeded.
    pub(crate) ids: &'a [Uuid],
}

/// For checks that count: Redis is waited for as well, and no row is read that nobody asked for.
const COUNTED: [(&str, &str); 2] = [
    ("ROSTER_CACHE_AUDIT", "false"),
    ("ROSTER_REDIS_COMMAND_TIMEOUT", "500ms"),
];

/// Runs every check whose name contains `only`.
pub(crate) async fn run_all(store: &Store, only: Option<&str>, report: &mut Report) -> Result<()> {
    let wanted = |name: &str| {
        let wanted = only.is_none_or(|only| name.contains(only));
        if wanted {
            say(&format!("{}: {name}", store.kind.name()));
        }
        wanted
    };
    let ids = store.active_ids().await?;
    macro_rules! check {
        ($name:ident, $check:expr) => {
            if wanted(stringify!($name))
                && let Err(error) = $check.await
            {
                report.miss(stringify!($name), format!("{error}"));
            }
            let repeated = take_repeated();
            if repeated > 0 {
                let seen = format!("{}: {repeated} requests", stringify!($name));
                report.note("repeated after 503 or 504", seen);
            }
        };
    }
    let counted = store.launch.with(&COUNTED).serve().await?;
    let stage = Stage::new(store, &counted, &ids)?;
    check!(random_reads, random_reads::run(&stage, report));
    if store.kind == Kind::Postgres {
        check!(stampede, stampede::run(&stage, report));
    }
    counted.kill().await?;
    let roster = store.launch.serve().await?;
    let stage = Stage::new(store, &roster, &ids)?;
    check!(walk, walk::run(&stage, report));
    check!(depth, depth::run(&stage, report));
    check!(dashboards, dashboards::run(&stage, report));
    check!(updates, updates::run(&stage, report));
    check!(hostile_strings, hostile_strings::run(&stage, report));
    check!(addresses, addresses::run(&stage, report));
    check!(moving_walk, moving_walk::run(&stage, report));
    match store.kind {
        Kind::Postgres => {
            check!(redis_faults, redis_faults::run(&stage, report));
            // It changes and deletes what it finds, so it comes after what asks for that.
            check!(contract, contract::run(&stage, report));
            roster.kill().await?;
        }
        Kind::Sqlite => {
            check!(contract, contract::run(&stage, report));
            roster.kill().await?;
            let traced = [("ROSTER_LOG", "info,sqlx::query=debug")];
            let traced = store.launch.with(&traced).serve().await?;
            let stage = Stage::new(store, &traced, &ids)?;
            check!(stampede, stampede::run_traced(&stage, report));
            traced.kill().await?;
            check!(crashes, crashes::run(store, report));
        }
    }
    Ok(())
}

impl<'a> Stage<'a> {
    fn new(store: &'a Store, roster: &'a Roster, ids: &'a [Uuid]) -> Result<Self> {
        let client = Client::new(roster)?;
        Ok(Self {
            store,
            roster,
            client,
            ids,
        })
    }
}

/// Runs `work` for every item, so many at once, and answers in their order.
pub(crate) async fn in_parallel<T, R, F>(
    items: impl IntoIterator<Item = T>,
    at_once: usize,
    work: impl Fn(T) -> F,
) -> Vec<R>
where
    F: Future<Output = R>,
{
    use futures::StreamExt as _;
    futures::stream::iter(items.into_iter().map(work))
        .buffered(at_once)
        .collect()
        .await
}
