use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::RngExt as _;
use serde_json::json;
use tokio::task::JoinSet;

use crate::Result;
use crate::client::Client;
use crate::report::Report;
use crate::store::Store;

/// The service on SQLite killed at a random moment under 1,000 concurrent writes, again and
/// again: every write that was answered with 2xx is there afterwards, and the file is sound.
pub(super) async fn run(store: &Store, report: &mut Report) -> Result<()> {
    const WRITERS: usize = 1_000;
    let kills = store.scaled(50, 5);
    let answered: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let (mut lost, mut checked) = (0, 0);
    for kill in 0..=kills {
        let roster = store.launch.serve().await?;
        let client = Client::new(&roster)?;
        let ids: Vec<String> = std::mem::take(&mut *answered.lock().map_err(|_| "poisoned")?)
            .into_iter()
            .collect();
        for ids in ids.chunks(100) {
            let found = client
                .post("/v1/users/batch-get", &json!({ "ids": ids }))
                .await?;
            if found.status != 200 {
                return Err(format!("the read answered {}: {}", found.status, found.body).into());
            }
            let items = found.body["items"].as_array().map_or(0, Vec::len);
            lost += ids.len().saturating_sub(items);
            checked += ids.len();
        }
        if kill == kills {
            roster.kill().await?;
            break;
        }
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            writers.spawn(write(
                client.clone(),
                format!("{kill}-{writer}"),
                Arc::clone(&answered),
            ));
        }
        // From before the first commit to well into the queue.
        let pause = Duration::from_millis(rand::rng().random_range(5..600));
        tokio::time::sleep(pause).await;
        roster.kill().await?;
        writers.join_all().await;
    }
    let integrity = store.integrity().await?;
    let note = format!(
        "{kills} kills, {checked} answered writes checked, {lost} lost, integrity_check {integrity}"
    );
    report.check(
        "killed under 1,000 concurrent writes",
        lost == 0 && checked > 0 && integrity == "ok",
        note,
    );
    Ok(())
}

/// Creates users until the service is gone, and remembers those that were answered.
async fn write(client: Client, name: String, answered: Arc<Mutex<BTreeSet<String>>>) {
    for n in 0.. {
        let email = format!("crash-{name}-{n}@example.com");
        let Ok(created) = client
            .create("/v1/users", &json!({ "email": email, "name": "Crash" }))
            .await
        else {
            return;
        };
        if created.status == 201
            && let (Some(id), Ok(mut answered)) = (created.body["id"].as_str(), answered.lock())
        {
            answered.insert(id.to_owned());
        }
    }
}
