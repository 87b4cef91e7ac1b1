use std::time::Duration;

use serde_json::json;

use super::{Stage, in_parallel};
use crate::Result;
use crate::report::Report;

const CALLERS: usize = 200;

/// 200 concurrent reads of a cold key: one query, as PostgreSQL itself counts.
pub(super) async fn run(stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    let id = cold(stage).await?;
    stage.store.reset_statements().await?;
    let right = ask(stage, &id).await?;
    let queries = stage.store.user_reads().await?;
    let note = format!("{CALLERS} reads, {right} right, {queries} query by pg_stat_statements");
    report.check(
        "stampede on a cold key",
        right == CALLERS && queries == 1,
        note,
    );
    Ok(())
}

/// SQLite counts nothing; its driver's trace shows each statement that is run.
pub(super) async fn run_traced(stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    let id = cold(stage).await?;
    // What the log still holds of the update must not be counted.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = stage.roster.lines().len();
    let right = ask(stage, &id).await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let lines = stage.roster.lines();
    let queries = lines[before..]
        .iter()
        .filter(|line| reads_users(line))
        .count();
    let note = format!("{CALLERS} reads, {right} right, {queries} query in the statement trace");
    report.check(
        "stampede on a cold key",
        right == CALLERS && queries == 1,
        note,
    );
    Ok(())
}

fn reads_users(line: &str) -> bool {
    let line = line.to_lowercase();
    line.contains("sqlx::query") && line.contains("from users") && line.contains("metadata")
}

/// A user that no cache holds: a write took it out.
async fn cold(stage: &Stage<'_>) -> Result<String> {
    let id = stage
        .ids
        .get(stage.ids.len() / 3)
        .ok_or("no users")?
        .to_string();
    let path = format!("/v1/users/{id}");
    let updated = stage
        .client
        .patch(&path, &json!({ "name": "Cold" }))
        .await?;
    if updated.status != 200 {
        return Err(format!("the update answered {}: {}", updated.status, updated.body).into());
    }
    Ok(id)
}

async fn ask(stage: &Stage<'_>, id: &str) -> Result<usize> {
    let path = format!("/v1/users/{id}");
    let answers = in_parallel(0..CALLERS, CALLERS, |_| stage.client.get_once(&path)).await;
    let mut right = 0;
    for answer in answers {
        let answer = answer?;
        right += usize::from(answer.status == 200 && answer.body["name"] == "Cold");
    }
    Ok(right)
}
