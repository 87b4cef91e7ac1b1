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

/// Far longer than the faults of a test take.
const PATIENCE: Duration = Duration::from_mins(2);

/// Runs a plan and fails with what it did not allow; `None` where there are no servers.
async fn held(plan: &Plan) -> Option<Outcome> {
    let binary = Path::new(env!("CARGO_BIN_EXE_roster"));
    let outcome = run(binary, plan).await.unwrap()?;
    if let Some(first) = outcome.verdict.violations.first() {
        let excerpt = outcome.history.excerpt(first).join("\n");
        let seed = plan.faults.seed;
        panic!("seed {seed}\n{}\n{excerpt}", table(&outcome));
    }
    // The caches answered, and knew how old they were: there was something to be wrong about. How
    // often depends on what else the machine does.
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
    assert!(proven > 20, "{proven} proven\n{}", table(&outcome));
    Some(outcome)
}

/// Every kind of fault once, and not for long.
fn each_once(mut plan: Plan) -> Plan {
    let faults = &mut plan.faults;
    faults.most = faults.kinds.len();
    faults.hold = Duration::from_millis(30)..Duration::from_millis(400);
    faults.rest = Duration::from_millis(50)..Duration::from_millis(200);
    plan
}

/// Another in every run; a failure names it.
fn seed() -> u64 {
    u64::from(std::process::id())
}

#[tokio::test(flavor = "multi_thread")]
async fn f17_no_answer_breaks_the_guarantee_while_everything_breaks_at_random() {
    let plan = each_once(Plan::all(u64::MAX, PATIENCE, seed()));
    let Some(outcome) = held(&plan).await else {
        return;
    };
    assert_eq!(outcome.faults().len(), 11, "{}", table(&outcome));
}

#[tokio::test(flavor = "multi_thread")]
async fn f17_a_process_never_answers_less_than_it_acknowledged_while_redis_keeps_its_word() {
    let plan = each_once(Plan::kept(u64::MAX, PATIENCE, seed()));
    let Some(outcome) = held(&plan).await else {
        return;
    };
    assert!(outcome.history.redis_keeps, "{}", table(&outcome));
    assert_eq!(outcome.faults().len(), 9, "{}", table(&outcome));
}

#[tokio::test(flavor = "multi_thread")]
async fn t15_connections_killed_every_50_ms_under_load_break_no_sentence() {
    let mut plan = Plan::kills(PATIENCE, seed());
    plan.faults.most = 80;
    let Some(outcome) = held(&plan).await else {
        return;
    };
    let faults = outcome.faults();
    let times = |kind| faults.get(&kind).copied().unwrap_or(0);
    let (kills, flushes) = (
        times(FaultKind::ClientKilled),
        times(FaultKind::ScriptsFlushed),
    );
    assert_eq!((kills, flushes), (76, 4), "{}", table(&outcome));
}
