use super::Figure::{
    self, Last, Named, P50, PerCpuSecond, PerSecond, PerTotalCpuSecond, PostgresCpu,
    QueriesPerBurst, ServiceCpu, TotalCpu,
};
use super::Wanted::{self, AtLeast, AtMost};
use super::{Place, Target};
use crate::system::{FORGETFUL, UNBATCHED};
use crate::{fleet, memory, start};

pub(super) const HOT: &str = "hot";
pub(super) const SERVICE: &str = "roster";
pub(super) const BARE: &str = "bare axum";
const REDIS_GET: &str = "axum + Redis GET";
const ACTIX: &str = "actix-tuned";
const TEXTBOOK: &str = "axum-textbook";
const PYTHON: &str = "fastapi";

const fn ratio(
    name: &'static str,
    text: &'static str,
    figure: Figure,
    of: Place,
    over: Place,
    wanted: Wanted,
) -> Target {
    Target {
        over: Some(over),
        ..self::figure(name, text, figure, of, wanted)
    }
}

const fn figure(
    name: &'static str,
    text: &'static str,
    figure: Figure,
    of: Place,
    wanted: Wanted,
) -> Target {
    Target {
        name,
        text,
        figure,
        of,
        over: None,
        wanted,
    }
}

const W1: Place = Place("W1", HOT, SERVICE);
const W2: Place = Place("W2", "uniform", SERVICE);
const W3: Place = Place("W3", "miss", SERVICE);
const W3_ALONE: Place = Place("W3", "miss, 1 connection", SERVICE);
const W3_FOUR: Place = Place("W3", "miss, 4 connections", SERVICE);
const W4: Place = Place("W4", "5 % updates", SERVICE);
const FIRST: Place = Place("W5", "first page", SERVICE);
const DEEP: Place = Place("W5", "page at 90 %", SERVICE);
const W6: Place = Place("W6", "dashboard", SERVICE);
const W7: Place = Place("W7", "500 at once", SERVICE);
const W8: Place = Place("W8", "not modified", SERVICE);

const fn by(place: Place, system: &'static str) -> Place {
    Place(place.0, place.1, system)
}

pub(super) const TARGETS: &[Target] = &[
    ratio(
        "W1",
        "service CPU against bare axum",
        ServiceCpu,
        W1,
        by(W1, BARE),
        AtMost(1.25),
    ),
    ratio(
        "W1",
        "requests/s against bare axum",
        PerSecond,
        W1,
        by(W1, BARE),
        AtLeast(0.9),
    ),
    ratio(
        "W1",
        "total CPU against tuned actix",
        TotalCpu,
        W1,
        by(W1, ACTIX),
        AtMost(0.6),
    ),
    ratio(
        "W1",
        "requests/s against FastAPI",
        PerSecond,
        W1,
        by(W1, PYTHON),
        AtLeast(17.0),
    ),
    ratio(
        "W1",
        "total CPU with 100,000 popular users against 10,000",
        TotalCpu,
        Place("W1", "hot, 100,000 users", SERVICE),
        W1,
        AtMost(1.1),
    ),
    ratio(
        "W1",
        "total CPU with 1,000,000 popular users against 10,000",
        TotalCpu,
        Place("W1", "hot, 1,000,000 users", SERVICE),
        W1,
        AtMost(1.1),
    ),
    ratio(
        "W2",
        "out of memory: service CPU against bare axum",
        ServiceCpu,
        W2,
        by(W1, BARE),
        AtMost(1.25),
    ),
    ratio(
        "W2",
        "out of Redis: service CPU against axum + Redis GET",
        ServiceCpu,
        by(W2, FORGETFUL),
        by(W2, REDIS_GET),
        AtMost(1.15),
    ),
    ratio(
        "W3",
        "total CPU against tuned actix",
        TotalCpu,
        W3,
        by(W3, ACTIX),
        AtMost(0.75),
    ),
    ratio(
        "W3",
        "total CPU against textbook axum",
        TotalCpu,
        W3,
        by(W3, TEXTBOOK),
        AtMost(0.35),
    ),
    figure("W3", "PostgreSQL, µs a miss", PostgresCpu, W3, AtMost(10.0)),
    ratio(
        "W3",
        "requests/s against pgbench, single rows (a stretch)",
        PerSecond,
        W3,
        Place("W3", "single row", "pgbench"),
        AtLeast(1.0),
    ),
    ratio(
        "W3",
        "p50 at one connection against tuned actix, which does not batch",
        P50,
        W3_ALONE,
        by(W3_ALONE, ACTIX),
        AtMost(1.1),
    ),
    ratio(
        "W3",
        "p50 at one connection against the same without batches",
        P50,
        W3_ALONE,
        by(W3_ALONE, UNBATCHED),
        AtMost(1.1),
    ),
    ratio(
        "W3",
        "p50 at four connections against the same without batches",
        P50,
        W3_FOUR,
        by(W3_FOUR, UNBATCHED),
        AtMost(1.1),
    ),
    ratio(
        "W3",
        "total CPU against the same without batches",
        TotalCpu,
        W3,
        by(W3, UNBATCHED),
        AtMost(1.0),
    ),
    ratio(
        "W6",
        "total CPU against the same without batches",
        TotalCpu,
        W6,
        by(W6, UNBATCHED),
        AtMost(1.0),
    ),
    ratio(
        "W4",
        "requests/s against tuned actix",
        PerSecond,
        W4,
        by(W4, ACTIX),
        AtLeast(1.3),
    ),
    ratio(
        "W4",
        "total CPU against tuned actix",
        TotalCpu,
        W4,
        by(W4, ACTIX),
        AtMost(0.75),
    ),
    ratio(
        "W5",
        "requests/s at 90 % against tuned actix",
        PerSecond,
        DEEP,
        by(DEEP, ACTIX),
        AtLeast(1.0),
    ),
    ratio(
        "W5",
        "one page at 90 % against the first, total CPU",
        TotalCpu,
        Place("W5", "one page at 90 %", SERVICE),
        FIRST,
        AtMost(1.05),
    ),
    ratio(
        "W5",
        "256 pages at 90 % against 256 at 10 %, total CPU",
        TotalCpu,
        DEEP,
        Place("W5", "page at 10 %", SERVICE),
        AtMost(1.05),
    ),
    ratio(
        "W6",
        "total CPU against tuned actix",
        TotalCpu,
        W6,
        by(W6, ACTIX),
        AtMost(0.6),
    ),
    ratio(
        "W6",
        "p50 at one connection against the notifications alone",
        P50,
        Place("W6", "dashboard, 1 connection", SERVICE),
        Place("W6", "notifications alone", SERVICE),
        AtMost(1.1),
    ),
    ratio(
        "W7",
        "last answer against tuned actix",
        Last,
        W7,
        by(W7, ACTIX),
        AtMost(1.0),
    ),
    figure(
        "W7",
        "queries of the service in one burst-run, per burst",
        QueriesPerBurst,
        W7,
        AtMost(1.0),
    ),
    ratio(
        "W8",
        "answers per CPU second against W1",
        PerCpuSecond,
        W8,
        W1,
        AtLeast(1.5),
    ),
    ratio(
        "W8",
        "what the floor gains by it: bare axum with 304 against bare axum with W1",
        PerCpuSecond,
        by(W8, BARE),
        by(W1, BARE),
        AtLeast(1.5),
    ),
    ratio(
        "W8",
        "a user with 4 KiB of metadata: answers per CPU second against 200",
        PerCpuSecond,
        Place("W8", "4 KiB, not modified", SERVICE),
        Place("W8", "4 KiB", SERVICE),
        AtLeast(1.5),
    ),
    ratio(
        "W8",
        "a user with 15 KiB of metadata: answers per CPU second against 200",
        PerCpuSecond,
        Place("W8", "15 KiB, not modified", SERVICE),
        Place("W8", "15 KiB", SERVICE),
        AtLeast(1.5),
    ),
    ratio(
        "W8",
        "a page: answers per processor second against W5's first page",
        PerTotalCpuSecond,
        Place("W8", "page not modified", SERVICE),
        FIRST,
        AtLeast(1.5),
    ),
    figure(
        start::NAME,
        "embedded: ms from execution to the first answer",
        Named,
        Place(start::NAME, start::FRESH, start::FIRST_ANSWER),
        AtMost(300.0),
    ),
    figure(
        start::NAME,
        "embedded: MB resident when idle",
        Named,
        Place(start::NAME, start::FRESH, start::IDLE),
        AtMost(30.0),
    ),
    figure(
        memory::NAME,
        "resident a cached user against its body",
        Named,
        Place(memory::NAME, memory::FULL, memory::AGAINST_BODY),
        AtMost(2.0),
    ),
    figure(
        memory::NAME,
        "resident a cached user against its body, after twice as many more",
        Named,
        Place(memory::NAME, memory::BEYOND, memory::AGAINST_BODY),
        AtMost(2.0),
    ),
    figure(
        memory::NAME,
        "resident for the cache against --cache-memory",
        Named,
        Place(memory::NAME, memory::FULL, memory::AGAINST_LIMIT),
        AtMost(1.1),
    ),
    figure(
        memory::NAME,
        "resident for the cache against --cache-memory, after twice as many more",
        Named,
        Place(memory::NAME, memory::BEYOND, memory::AGAINST_LIMIT),
        AtMost(1.1),
    ),
    figure(
        fleet::NAME,
        "answers of two processes beyond their Staleness-Bound",
        Named,
        Place(fleet::NAME, fleet::coherence_case(2), fleet::BEYOND_BOUND),
        AtMost(0.0),
    ),
    figure(
        fleet::NAME,
        "answers of three processes beyond their Staleness-Bound",
        Named,
        Place(fleet::NAME, fleet::coherence_case(3), fleet::BEYOND_BOUND),
        AtMost(0.0),
    ),
    ratio(
        fleet::NAME,
        "a change that no other process holds: three processes against one",
        Named,
        Place(fleet::NAME, fleet::cost_case(3, 0), fleet::TOTAL),
        Place(fleet::NAME, fleet::cost_case(1, 0), fleet::TOTAL),
        AtMost(1.1),
    ),
];
