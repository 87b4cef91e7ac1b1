//! The designs with their verdicts.

use super::{Bounds, Claims, Design, Fill, Kind};
use crate::case::Verdict::{self, Clean, Violates};
use crate::case::{Case, Subject};

const PLAIN: Design = Design::plain();
const OURS: Design = Design::ours();
const QUICK: Bounds = Bounds::quick();
/// One write, and nothing dies.
const ONE: Bounds = Bounds {
    writes: 1,
    crashes: 0,
    disconnects: false,
    ..QUICK
};
/// An insert and a delete, or an update and one more.
const TWO: Bounds = Bounds { writes: 2, ..ONE };
/// The same, and only the node with the near cache loads.
const TWO_AND_ONE_LOAD: Bounds = Bounds { loads: &[0], ..TWO };
/// Version 1 is "there is no such row", 2 is its insert and 3 its deletion.
const INSERTED: u8 = 0b1010;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = others();
    cases.extend(less_one_rule());
    cases.extend(ours());
    cases.extend(ours_at_large());
    cases
}

/// What everybody tries first.
fn others() -> Vec<Case> {
    vec![
        quick(
            "GET, SETEX, and DEL after the commit",
            Violates("convergence"),
            PLAIN,
            QUICK,
        ),
        quick(
            "the same, and the DEL is repeated until it arrives",
            Violates("convergence"),
            Design {
                relay: true,
                ..PLAIN
            },
            QUICK,
        ),
        quick(
            "a tombstone, and fills only where nothing is stored",
            Violates("convergence"),
            Design {
                relay: true,
                kind: Kind::AddIfAbsent,
                ..PLAIN
            },
            QUICK,
        ),
        quick(
            "write-through, ordered by versions alone",
            Violates("convergence"),
            Design {
                relay: true,
                kind: Kind::NewerWins,
                ..PLAIN
            },
            QUICK,
        ),
    ]
}

/// Ours with one rule less.
fn less_one_rule() -> Vec<Case> {
    let lagging = Design {
        lagging_rows: true,
        claims: Claims::Convergence,
        ..OURS
    };
    let forgets = Design {
        second_drop: false,
        floor_at_start: false,
        ..OURS
    };
    vec![
        quick(
            "leases, and a near cache without its guard",
            Violates("convergence"),
            Design {
                guard: false,
                claims: Claims::Convergence,
                ..OURS
            },
            ONE,
        ),
        quick(
            "leases with floors, filled from a lagging replica",
            Violates("convergence"),
            lagging,
            ONE,
        ),
        quick(
            "leases without floors, filled from a lagging replica",
            Violates("convergence"),
            Design {
                floors: false,
                ..lagging
            },
            ONE,
        ),
        quick(
            "ours, but a local floor ends with its acknowledgement",
            Violates("own writes"),
            forgets,
            ONE,
        ),
        quick(
            "the same, and the near entry is dropped once more then",
            Violates("own writes"),
            Design {
                second_drop: true,
                ..forgets
            },
            ONE,
        ),
        quick(
            "ours, with a failover, without replay",
            Violates("convergence"),
            Design {
                replay: false,
                claims: Claims::Failover,
                ..OURS
            },
            Bounds {
                failovers: 1,
                ..ONE
            },
        ),
        quick(
            "ours, but a lease ends only with its key",
            Violates("progress"),
            Design {
                deadline: false,
                claims: Claims::Progress,
                ..OURS
            },
            ONE,
        ),
    ]
}

fn ours() -> Vec<Case> {
    let progress = Design {
        claims: Claims::Progress,
        ..OURS
    };
    let failover = Design {
        claims: Claims::Failover,
        ..OURS
    };
    let write_through = Design {
        write_through: true,
        ..OURS
    };
    vec![
        quick("ours: a lease ends in time", Clean, progress, ONE),
        quick("ours: one write", Clean, OURS, ONE),
        quick(
            "ours: one insert",
            Clean,
            OURS,
            Bounds {
                absent: INSERTED,
                ..ONE
            },
        ),
        quick(
            "ours: one write, connections break",
            Clean,
            OURS,
            Bounds {
                disconnects: true,
                ..ONE
            },
        ),
        quick(
            "ours: one write, a process dies",
            Clean,
            OURS,
            Bounds { crashes: 1, ..ONE },
        ),
        full(
            "ours: one write, a near cache on both nodes",
            Clean,
            OURS,
            Bounds {
                near_nodes: 2,
                ..ONE
            },
        ),
        full(
            "ours: one write, a failover with replay",
            Clean,
            failover,
            Bounds {
                failovers: 1,
                ..ONE
            },
        ),
        quick(
            "write-through under a lease taken before the commit: one write",
            Clean,
            write_through,
            ONE,
        ),
        full(
            "write-through under a lease taken before the commit: two writes, one load",
            Clean,
            write_through,
            TWO_AND_ONE_LOAD,
        ),
        full("ours: two writes, one load", Clean, OURS, TWO_AND_ONE_LOAD),
        full(
            "ours: an insert and a deletion, one load",
            Clean,
            OURS,
            Bounds {
                absent: INSERTED,
                ..TWO_AND_ONE_LOAD
            },
        ),
    ]
}

/// Ours within bounds that are too large to be searched state by state.
fn ours_at_large() -> Vec<Case> {
    let failover = Design {
        claims: Claims::Failover,
        ..OURS
    };
    let write_through = Design {
        write_through: true,
        ..OURS
    };
    vec![
        settled(
            "write-through under a lease taken before the commit: two writes, two loads",
            write_through,
            TWO,
        ),
        settled("ours: two writes, two loads", OURS, TWO),
        settled(
            "ours: an insert and a deletion, two loads",
            OURS,
            Bounds {
                absent: INSERTED,
                ..TWO
            },
        ),
        settled(
            "ours: two writes, connections break and a process dies",
            OURS,
            QUICK,
        ),
        settled(
            "ours: two writes, a near cache on both nodes",
            OURS,
            Bounds {
                near_nodes: 2,
                ..TWO
            },
        ),
        settled(
            "ours: two writes, two loads of one node and one of the other",
            OURS,
            Bounds {
                loads: &[0, 0, 1],
                ..TWO
            },
        ),
        settled(
            "ours: two writes, a failover with replay",
            failover,
            Bounds {
                failovers: 1,
                ..TWO
            },
        ),
        settled(
            "ours: one write, two failovers with replay",
            failover,
            Bounds {
                failovers: 2,
                ..ONE
            },
        ),
        settled(
            "ours: three writes, two loads",
            OURS,
            Bounds { writes: 3, ..ONE },
        ),
    ]
}

fn quick(name: &'static str, expected: Verdict, design: Design, bounds: Bounds) -> Case {
    Case {
        name,
        expected,
        full: false,
        subject: Subject::Fill(Fill {
            design,
            bounds,
            settled: false,
        }),
    }
}

fn full(name: &'static str, expected: Verdict, design: Design, bounds: Bounds) -> Case {
    Case {
        full: true,
        ..quick(name, expected, design, bounds)
    }
}

fn settled(name: &'static str, design: Design, bounds: Bounds) -> Case {
    Case {
        subject: Subject::Fill(Fill {
            design,
            bounds,
            settled: true,
        }),
        ..full(name, Clean, design, bounds)
    }
}
