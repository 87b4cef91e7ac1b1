//! What three real processes answer while everything around them breaks, held to the guarantee.
//!
//! These are the parts of `cargo xtask soak` at reduced length.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

use std::path::Path;
use std::time::Duration;

use roster_soak::{FaultKind, Outcome, Plan, ReadOutcome, Tier, run, table};

const SECONDS: Duration = Duration::from_secs(8);

/// Runs a plan and fails with what it did not allow; `None` where there are no servers.
async fn held(plan: &Plan) -> Option<Outcome> {
    let binary = Path::new(env!("CARGO_BIN_EXE_roster"));
    let outcome = run(binary, plan).await.unwrap()?;
    if let Some(first) = outcome.verdict.violations.first() {
        let excerpt = outcome.history.excerpt(first).join("\n");
        let seed = plan.faults.seed;
        panic!("seed {seed}\n{}\n{excerpt}", table(&outcome));
    }
    // The caches answered, and knew how old they were: there was something to be wrong about.
    let proven = |read: &&roster_soak::Read| {
        matches!(
            read.outcome,
            ReadOutcome::Found {
                bound: Some(_),
                tier: Tier::L1 | Tier::L2,
                ..
            }
        )
    };
    let proven = outcome.history.reads.iter().filter(proven).count();
    assert!(proven > 500, "{proven} proven\n{}", table(&outcome));
    Some(outcome)
}

/// Another in every run; a failure names it.
fn seed() -> u64 {
    u64::from(std::process::id())
}

#[tokio::test(flavor = "multi_thread")]
async fn f17_no_answer_breaks_the_guarantee_while_everything_breaks_at_random() {
    let Some(outcome) = held(&Plan::all(u64::MAX, SECONDS, seed())).await else {
        return;
    };
    assert!(outcome.history.faults.len() >= 4, "{}", table(&outcome));
}

#[tokio::test(flavor = "multi_thread")]
async fn f17_a_process_never_answers_less_than_it_acknowledged_while_redis_keeps_its_word() {
    let Some(outcome) = held(&Plan::kept(u64::MAX, SECONDS, seed())).await else {
        return;
    };
    assert!(outcome.history.redis_keeps, "{}", table(&outcome));
}

#[tokio::test(flavor = "multi_thread")]
async fn t15_connections_killed_every_50_ms_under_load_break_no_sentence() {
    let Some(outcome) = held(&Plan::kills(SECONDS, seed())).await else {
        return;
    };
    let faults = outcome.faults();
    let times = |kind| faults.get(&kind).copied().unwrap_or(0);
    let (kills, flushes) = (
        times(FaultKind::ClientKilled),
        times(FaultKind::ScriptsFlushed),
    );
    assert!(kills >= 50 && flushes >= 2, "{}", table(&outcome));
}
