use rand::SeedableRng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;

use super::{Stage, in_parallel};
use crate::Result;
use crate::report::Report;

/// 10,000 random users, twice: the second pass is answered by the caches alone.
pub(super) async fn run(stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let wanted = usize::try_from(stage.store.scaled(10_000, 1_000))?;
    let ids: Vec<_> = stage.ids.sample(&mut rng, wanted).copied().collect();
    let (mut right, mut hits) = ([0, 0], [0, 0]);
    for pass in [0, 1] {
        let answers = in_parallel(&ids, 16, |id| async move {
            (id, stage.client.get(&format!("/v1/users/{id}")).await)
        });
        for (id, answer) in answers.await {
            let answer = answer?;
            right[pass] += usize::from(answer.status == 200 && answer.body["id"] == id.to_string());
            hits[pass] += usize::from(answer.is_hit());
        }
    }
    let seen = format!("{} ids: {right:?} right, {hits:?} hits by pass", ids.len());
    report.check(
        "random users, second pass all hits",
        right == [ids.len(); 2] && hits[1] == ids.len(),
        seen,
    );
    Ok(())
}
