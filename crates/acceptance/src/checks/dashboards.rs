use rand::SeedableRng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;

use super::{Stage, in_parallel};
use crate::Result;
use crate::report::Report;

/// 1,000 dashboards with every section ready, and counters that agree with each other.
pub(super) async fn run(stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let wanted = usize::try_from(stage.store.scaled(1_000, 200))?;
    let ids: Vec<_> = stage.ids.sample(&mut rng, wanted).copied().collect();
    // A section that failed is 503 then, and asked for again.
    let answers = in_parallel(&ids, 16, |id| async move {
        let path = format!("/v1/users/{id}/dashboard?strict=true");
        stage.client.get(&path).await
    })
    .await;
    let (mut ready, mut agree, mut items) = (0, 0, 0);
    for answer in answers {
        let answer = answer?;
        let body = &answer.body;
        let sections = ["stats", "notifications", "activity"];
        ready += usize::from(
            answer.status == 200 && sections.iter().all(|name| body[name]["status"] == "ready"),
        );
        let unread = &body["notifications"]["unread"];
        let shown = body["notifications"]["items"]
            .as_array()
            .map_or(0, Vec::len);
        agree += usize::from(
            *unread == body["stats"]["data"]["unread_notifications"]
                && unread.as_u64().is_some_and(|unread| {
                    usize::try_from(unread.min(10)).is_ok_and(|most| most == shown)
                }),
        );
        items += shown + body["activity"]["items"].as_array().map_or(0, Vec::len);
    }
    let note = format!(
        "{} asked, {ready} ready, {agree} whose unread counters agree, {items} feed rows",
        ids.len()
    );
    report.check(
        "dashboards ready and exact",
        ready == ids.len() && agree == ids.len() && items > 0,
        note,
    );
    Ok(())
}
