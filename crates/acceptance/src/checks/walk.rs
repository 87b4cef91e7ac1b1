use std::collections::HashSet;

use uuid::Uuid;

use super::Stage;
use crate::Result;
use crate::report::Report;

/// The whole list by cursor: every active user once, and in the store's order.
pub(super) async fn run(stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    let mut seen: Vec<Uuid> = Vec::with_capacity(stage.ids.len());
    let mut path = "/v1/users?limit=200".to_owned();
    let mut pages = 0;
    loop {
        let answer = stage.client.get(&path).await?;
        if answer.status != 200 {
            return Err(format!("page {pages} answered {}: {}", answer.status, answer.body).into());
        }
        for item in answer.body["items"].as_array().into_iter().flatten() {
            seen.push(item["id"].as_str().unwrap_or_default().parse()?);
        }
        pages += 1;
        match answer.body["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/users?limit=200&cursor={cursor}"),
            None => break,
        }
    }
    let distinct: HashSet<_> = seen.iter().collect();
    let note = format!(
        "{pages} pages, {} rows, {} distinct, {} in the store",
        seen.len(),
        distinct.len(),
        stage.ids.len()
    );
    report.check("walk finds every active user once", seen == stage.ids, note);
    Ok(())
}
