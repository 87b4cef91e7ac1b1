//! What is driven and counted, one check a file.

mod addresses;
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
use crate::client::Client;
use crate::report::Report;
use crate::roster::{Roster, say};
use crate::store::{Kind, Store};

/// What every check works on.
pub(crate) struct Stage<'a> {
    pub(crate) store: &'a Store,
    pub(crate) roster: &'a Roster,
    pub(crate) client: Client,
    /// The active users in the order of the list, as seeded.
    pub(crate) ids: Vec<Uuid>,
}

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
    let roster = store.launch.serve().await?;
    let stage = Stage {
        store,
        roster: &roster,
        client: Client::new(&roster.base)?,
        ids,
    };
    macro_rules! check {
        ($name:ident) => {
            if wanted(stringify!($name))
                && let Err(error) = $name::run(&stage, report).await
            {
                report.miss(stringify!($name), format!("{error}"));
            }
        };
    }
    check!(random_reads);
    check!(walk);
    check!(depth);
    check!(dashboards);
    check!(updates);
    check!(stampede);
    check!(hostile_strings);
    check!(addresses);
    check!(moving_walk);
    if store.kind == Kind::Postgres {
        check!(redis_faults);
    }
    roster.kill().await?;
    if store.kind == Kind::Sqlite
        && wanted("crashes")
        && let Err(error) = crashes::run(store, report).await
    {
        report.miss("crashes", format!("{error}"));
    }
    Ok(())
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
