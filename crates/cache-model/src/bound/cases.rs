//! The bound as it is, and with each rule taken away.

use super::Bound;
use super::rules::{Bounds, Rule};
use crate::case::Verdict::{self, Clean, Violates};
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

/// The value that is there from the start is all that can be old.
const NO_LOADS: Bounds = Bounds {
    loads: 0,
    ..FAILOVER
};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = less_one_rule_of_the_reader();
    cases.extend(less_one_rule_of_the_round());
    cases.extend(less_one_rule_of_the_log());
    cases.extend(less_what_harms_nobody());
    cases.extend(ours());
    cases
}

/// What a node makes of watermarks and values, with one rule less.
fn less_one_rule_of_the_reader() -> Vec<Case> {
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
            "bound: the reply to a probe outlives its connection",
            Rule::ProbeOfThisEra,
            Bounds {
                prompt: false,
                ..NO_LOADS
            },
        ),
        without(
            "bound: probes go over a connection of their own",
            Rule::ProbeInOrder,
            WARM,
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
            "bound: a proof speaks of values of every epoch",
            Rule::SameEpoch,
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

/// A round of the relay with one rule less.
fn less_one_rule_of_the_round() -> Vec<Case> {
    let two_relays = Bounds { relays: 2, ..WARM };
    vec![
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
            "bound: the history is not compared again when the watermark is set",
            Rule::HistoryAtTheEnd,
            Bounds {
                promotions: 2,
                ..NO_LOADS
            },
        ),
        without(
            "bound: what is pending is read before r0",
            Rule::SnapshotAfterTime,
            WARM,
        ),
        without(
            "bound: rows that another relay has locked are skipped",
            Rule::EveryRow,
            two_relays,
        ),
        without(
            "bound: the watermark is set before all is delivered",
            Rule::DeliverBeforeMark,
            WARM,
        ),
        without(
            "bound: rows are marked as delivered before they are",
            Rule::AcknowledgeLast,
            WARM,
        ),
        without(
            "bound: the watermark's epoch is one that was known before",
            Rule::EpochOfSnapshot,
            WARM,
        ),
    ]
}

/// What is kept of the past, and for how long, with one rule less.
fn less_one_rule_of_the_log() -> Vec<Case> {
    vec![
        without(
            "bound: what was delivered to one history is not to the next",
            Rule::PendingForEachHistory,
            NO_LOADS,
        ),
        without(
            "bound: the watermark does not go back with the values",
            Rule::MarkBesideValues,
            NO_LOADS,
        ),
        without(
            "bound: no epoch is raised, whatever was purged",
            Rule::RaiseAfterGap,
            PROMPT,
        ),
        without(
            "bound: a watermark may be as old as the retention",
            Rule::HalfTheRetention,
            WARM,
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
    ]
}

/// Rules that no counterexample asks for; the documentation says why they are kept.
fn less_what_harms_nobody() -> Vec<Case> {
    let harmless = |name, rule, bounds| Case {
        subject: Subject::Bound(Bound {
            bounds,
            without: Some(rule),
            reduced: true,
        }),
        ..quick(name, Clean, Some(rule), bounds)
    };
    vec![
        harmless(
            "bound: a watermark may go back",
            Rule::NeverBack,
            Bounds {
                loads: 0,
                relays: 2,
                ..WARM
            },
        ),
        harmless(
            "bound: a watermark ahead of its clock is taken for new",
            Rule::NotOfTheFuture,
            Bounds {
                step_back: 2,
                ..WARM
            },
        ),
        harmless(
            "bound: what was pending before a raise is delivered after it",
            Rule::SnapshotAfterRaise,
            WARM,
        ),
        harmless(
            "bound: a replica's word is taken",
            Rule::PrimaryAlone,
            NO_LOADS,
        ),
    ]
}

fn ours() -> Vec<Case> {
    let ours = |name, bounds| quick(name, Clean, None, bounds);
    let larger = |name, bounds| Case {
        full: true,
        ..ours(name, bounds)
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
            "bound: ours, a clock that is stepped back",
            Bounds {
                step_back: 2,
                ..WARM
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
        larger(
            "bound: ours, two relays",
            Bounds {
                relays: 2,
                ..PROMPT
            },
        ),
        ours("bound: ours, a promotion, no loads", NO_LOADS),
        ours(
            "bound: ours, a promotion, no loads, clocks that differ by 2",
            Bounds {
                clocks: [0, 2],
                ..NO_LOADS
            },
        ),
        larger(
            "bound: ours, a promotion, no loads, clocks that differ by -2",
            Bounds {
                clocks: [0, -2],
                ..NO_LOADS
            },
        ),
        larger(
            "bound: ours, a promotion, no loads, evictions",
            Bounds {
                evictions: true,
                ..NO_LOADS
            },
        ),
        larger(
            "bound: ours, a promotion, no loads, late replies",
            Bounds {
                prompt: false,
                ..NO_LOADS
            },
        ),
        larger(
            "bound: ours, a promotion, no loads, two relays",
            Bounds {
                relays: 2,
                ..NO_LOADS
            },
        ),
        larger(
            "bound: ours, two promotions, no loads",
            Bounds {
                promotions: 2,
                ..NO_LOADS
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

fn without(name: &'static str, rule: Rule, bounds: Bounds) -> Case {
    quick(name, LIE, Some(rule), bounds)
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
