use serde_json::json;

use super::{Stage, in_parallel};
use crate::Result;
use crate::report::Report;
use crate::store::Kind;

/// 200 concurrent reads of a cold key: one query, as the database itself counts.
pub(super) async fn run(stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    const CALLERS: usize = 200;
    if stage.store.kind == Kind::Sqlite {
        return traced(report, stage, CALLERS).await;
    }
    let id = cold(stage).await?;
    stage.store.reset_statements().await?;
    let right = ask(stage, &id, CALLERS).await?;
    let queries = stage.store.user_reads().await?.unwrap_or(-1);
    let note = format!("{CALLERS} reads, {right} right, {queries} query by pg_stat_statements");
    report.check(
        "stampede on a cold key",
        right == CALLERS && queries == 1,
        note,
    );
    Ok(())
}

/// SQLite counts nothing; its driver's trace shows each statement that is run.
async fn traced(report: &mut Report, stage: &Stage<'_>, callers: usize) -> Result<()> {
    let id = cold(stage).await?;
    let before = stage.roster.lines().len();
    let right = ask(stage, &id, callers).await?;
    // The line is written when the statement ends, which the answers waited for; reading it
    // from the pipe takes a moment more.
    let mut queries = 0;
    for _ in 0..40 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        queries = stage.roster.lines()[before..]
            .iter()
            .filter(|line| reads_users(line))
            .count();
        if queries > 0 {
            break;
        }
    }
    let note = format!("{callers} reads, {right} right, {queries} query in the statement trace");
    report.check(
        "stampede on a cold key",
        right == callers && queries == 1,
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

async fn ask(stage: &Stage<'_>, id: &str, callers: usize) -> Result<usize> {
    let path = format!("/v1/users/{id}");
    let answers = in_parallel(0..callers, callers, |_| stage.client.get(&path)).await;
    let mut right = 0;
    for answer in answers {
        let answer = answer?;
        right += usize::from(answer.status == 200 && answer.body["name"] == "Cold");
    }
    Ok(right)
}
