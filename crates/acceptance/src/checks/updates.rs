use rand::SeedableRng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::{Stage, in_parallel};
use crate::Result;
use crate::report::Report;

/// 1,000 updates of users that are cached, each in the next read.
pub(super) async fn run(stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let wanted = usize::try_from(stage.store.scaled(1_000, 200))?;
    let ids: Vec<_> = stage.ids.sample(&mut rng, wanted).copied().collect();
    let rounds = in_parallel(ids.iter().enumerate(), 16, |(n, id)| async move {
        let path = format!("/v1/users/{id}");
        let name = format!("Updated {n}");
        let before = stage.client.get(&path).await?;
        let updated = stage.client.patch(&path, &json!({ "name": name })).await?;
        let after = stage.client.get(&path).await?;
        let next = before.body["version"].as_u64().map(|version| version + 1);
        let seen = after.status == 200
            && after.body["name"] == name
            && after.body["version"].as_u64() == next;
        Result::<_>::Ok((
            updated.status == 200,
            seen && after.header("etag") == updated.header("etag"),
        ))
    });
    let (mut done, mut seen) = (0, 0);
    for round in rounds.await {
        let (updated, visible) = round?;
        done += usize::from(updated);
        seen += usize::from(visible);
    }
    let note = format!(
        "{} updates, {done} answered 200, {seen} in the next read",
        ids.len()
    );
    report.check(
        "each update in the next read",
        done == ids.len() && seen == ids.len(),
        note,
    );
    Ok(())
}
