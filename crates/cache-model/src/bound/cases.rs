//! The bound as it is, and with each rule taken away.

use super::Bound;
use super::rules::{Bounds, Rule};
use crate::case::Verdict::{self, Clean, CleanSoFar, Violates};
use crate::case::{Case, Subject};

const LIE: Verdict = Violates("bounded staleness");
const QUICK: Bounds = Bounds::quick();
const PROMPT: Bounds = Bounds {
    prompt: true,
    ..QUICK
};
const WARM: Bounds = Bounds {
    warm: true,
    ..PROMPT
};
const FAILOVER: Bounds = Bounds {
    promotions: 1,
    oldest: 2,
    ..WARM
};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = less_one_rule();
    cases.extend(ours());
    cases
}

/// Section 7 with one rule less.
fn less_one_rule() -> Vec<Case> {
    let without = |name, rule, bounds| quick(name, LIE, Some(rule), bounds);
    vec![
        without(
            "bound: the local time is noted when the reply has come",
            Rule::NoteBeforeProbe,
            Bounds {
                prompt: false,
                ..WARM
            },
        ),
        without(
            "bound: a proof outlives the data and the connection",
            Rule::ProofEnds,
            FAILOVER,
        ),
        without(
            "bound: a watermark of another server's clock is taken",
            Rule::OneClock,
            Bounds {
                clocks: [0, -2],
                ..FAILOVER
            },
        ),
        without(
            "bound: the proof is taken after the value",
            Rule::ProofFirst,
            WARM,
        ),
        without(
            "bound: r0 is of another connection than the round",
            Rule::TimeOfThisConnection,
            Bounds {
                clocks: [0, 2],
                ..FAILOVER
            },
        ),
        without(
            "bound: a round goes on with another connection",
            Rule::OneConnection,
            FAILOVER,
        ),
        without(
            "bound: the incarnation is read at the first connection, and never again",
            Rule::LabelOfThisRound,
            FAILOVER,
        ),
        without(
            "bound: what is pending is read before r0",
            Rule::SnapshotAfterTime,
            WARM,
        ),
        without(
            "bound: no epoch is raised, whatever was purged",
            Rule::RaiseAfterGap,
            PROMPT,
        ),
        without(
            "bound: the watermark is judged before the snapshot",
            Rule::JudgeBySnapshot,
            WARM,
        ),
        without(
            "bound: a snapshot after a raise is not judged",
            Rule::JudgeAfterRaise,
            WARM,
        ),
        without(
            "bound: a value carries the epoch of its fill",
            Rule::EpochBeforeRow,
            WARM,
        ),
        without(
            "bound: an answer of the database is labelled 0",
            Rule::RowAges,
            WARM,
        ),
    ]
}

fn ours() -> Vec<Case> {
    let ours = |name, bounds| quick(name, Clean, None, bounds);
    let larger = |name, bounds| Case {
        full: true,
        ..ours(name, bounds)
    };
    let endless = |name, bounds| Case {
        expected: CleanSoFar,
        ..larger(name, bounds)
    };
    // The value that is there from the start is all that can be old.
    let no_loads = Bounds {
        loads: 0,
        ..FAILOVER
    };
    vec![
        ours("bound: ours, late replies", QUICK),
        ours(
            "bound: ours, evictions",
            Bounds {
                evictions: true,
                ..PROMPT
            },
        ),
        ours(
            "bound: ours, loads that learn late of a new epoch",
            Bounds {
                late_epochs: true,
                ..PROMPT
            },
        ),
        ours(
            "bound: ours, two relays, no loads",
            Bounds {
                loads: 0,
                relays: 2,
                ..WARM
            },
        ),
        endless(
            "bound: ours, two relays",
            Bounds {
                relays: 2,
                ..PROMPT
            },
        ),
        ours("bound: ours, a promotion, no loads", no_loads),
        ours(
            "bound: ours, a promotion, no loads, clocks that differ by 2",
            Bounds {
                clocks: [0, 2],
                ..no_loads
            },
        ),
        larger(
            "bound: ours, a promotion, no loads, clocks that differ by -2",
            Bounds {
                clocks: [0, -2],
                ..no_loads
            },
        ),
        larger(
            "bound: ours, a promotion, no loads, evictions",
            Bounds {
                evictions: true,
                ..no_loads
            },
        ),
        larger(
            "bound: ours, a promotion, no loads, late replies",
            Bounds {
                prompt: false,
                ..no_loads
            },
        ),
        endless(
            "bound: ours, a promotion, no loads, two relays",
            Bounds {
                relays: 2,
                ..no_loads
            },
        ),
        larger(
            "bound: ours, two promotions, no loads",
            Bounds {
                promotions: 2,
                ..no_loads
            },
        ),
        larger("bound: ours, a promotion", FAILOVER),
        larger("bound: ours, two loads", Bounds { loads: 2, ..PROMPT }),
        larger(
            "bound: ours, two writes, evictions",
            Bounds {
                writes: 2,
                evictions: true,
                ..PROMPT
            },
        ),
    ]
}

fn quick(name: &'static str, expected: Verdict, without: Option<Rule>, bounds: Bounds) -> Case {
    Case {
        name,
        expected,
        full: false,
        subject: Subject::Bound(Bound {
            bounds,
            without,
            reduced: without.is_none(),
        }),
    }
}
