use super::{Ask, State, Workload};

const fn workload(name: &'static str, variant: &'static str, state: State, kind: Ask) -> Workload {
    Workload {
        name,
        variant,
        connections: 0,
        state,
        kind,
    }
}

/// Those that a closed loop measures. A group goes through each round together, because its
/// members are held against each other. Caches are emptied late, because warming them takes long.
pub(crate) const GROUPS: &[&[Workload]] = &[
    &[
        workload("W1", "hot", State::Warm, Ask::Hot),
        workload("W8", "not modified", State::Warm, Ask::NotModified),
        workload("W1", "hot, 100,000 users", State::Warm, Ask::HotOf(100_000)),
        workload(
            "W1",
            "hot, 1,000,000 users",
            State::Warm,
            Ask::HotOf(1_000_000),
        ),
    ],
    &[
        workload("W8", "4 KiB", State::Any, Ask::Long(4_096)),
        workload(
            "W8",
            "4 KiB, not modified",
            State::Any,
            Ask::LongNotModified(4_096),
        ),
        workload("W8", "15 KiB", State::Any, Ask::Long(15_360)),
        workload(
            "W8",
            "15 KiB, not modified",
            State::Any,
            Ask::LongNotModified(15_360),
        ),
    ],
    &[workload("W2", "uniform", State::Warm, Ask::Uniform)],
    &[workload("W4", "5 % updates", State::Warm, Ask::Mixed)],
    &[
        workload("W5", "first page", State::Any, Ask::Page(0)),
        workload("W8", "page not modified", State::Any, Ask::HeldPage),
        workload("W5", "one page at 90 %", State::Any, Ask::OnePage(90)),
        workload("W5", "page at 10 %", State::Any, Ask::Page(10)),
        workload("W5", "page at 50 %", State::Any, Ask::Page(50)),
        workload("W5", "page at 90 %", State::Any, Ask::Page(90)),
    ],
    &[
        workload("W3", "miss", State::Empty, Ask::Miss),
        workload("W3", "miss, 1 connection", State::Empty, Ask::Miss).over(1),
        workload("W3", "miss, 4 connections", State::Empty, Ask::Miss).over(4),
    ],
    &[
        workload("W6", "dashboard", State::Empty, Ask::Dashboard),
        workload(
            "W6",
            "dashboard, 1 connection",
            State::Empty,
            Ask::Dashboard,
        )
        .over(1),
        workload("W6", "stats alone", State::Empty, Ask::Below("stats")).over(1),
        workload(
            "W6",
            "notifications alone",
            State::Empty,
            Ask::Below("notifications?state=unread&limit=10"),
        )
        .over(1),
        workload(
            "W6",
            "activity alone",
            State::Empty,
            Ask::Below("activity?limit=10"),
        )
        .over(1),
    ],
    // Last and over few connections: what PostgreSQL has not answered by the end of a cell would be
    // the load of the next one.
    &[workload("W5", "OFFSET at 90 %", State::Any, Ask::Offset(90)).over(2)],
];
