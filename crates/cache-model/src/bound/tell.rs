//! Steps in words, each with what came of it.

use super::Bound;
use super::state::{Cell, Entry, Item, Mark, Proof, Role, Round, State};
use super::step::Step;

const SERVERS: [&str; 2] = ["A", "B"];
const RELAYS: [&str; 2] = ["relay 1", "relay 2"];

#[expect(clippy::too_many_lines, reason = "one line of text for each step")]
pub(super) fn tell(bound: &Bound, before: &State, step: Step, after: &State) -> String {
    let reader = &before.reader;
    let asked = SERVERS[usize::from(reader.server)];
    match step {
        Step::Tick => "a tick passes".to_owned(),
        Step::Commit { age: 0 } => format!("writer: COMMIT of version {}", after.row),
        Step::Commit { age } => format!(
            "writer: COMMIT of version {}, begun {age} tick before",
            after.row
        ),
        Step::Load {
            load,
            server,
            epoch,
        } => format!(
            "load {}: ACQUIRE at {} -> granted; SELECT -> version {}{}",
            load + 1,
            SERVERS[server],
            before.row,
            of_epoch(epoch)
        ),
        // The loads may have changed their places since.
        Step::Fill { server, .. } => format!(
            "load: FILL at {} -> {}",
            SERVERS[server],
            cell(after.servers[server].cell)
        ),
        Step::Abandon { .. } => "load: dies".to_owned(),
        Step::Get => format!(
            "node: GET at {asked} -> {}",
            cell(before.servers[usize::from(reader.server)].cell)
        ),
        Step::Probe => format!("node: probe at {asked} -> {}", proof(bound.probe(before))),
        Step::Receive => format!("node: receive {}", item(reader.channel[0])),
        Step::Hold => "node: take the near entry, and its proof later".to_owned(),
        Step::Reconnect => format!(
            "node: lose the connection to {asked}, connect to {}",
            SERVERS[1 - usize::from(reader.server)]
        ),
        Step::Open { relay, server } => {
            format!(
                "{}: connect to {} and read its label",
                RELAYS[relay], SERVERS[server]
            )
        }
        Step::Start { relay, server } => format!(
            "{}: begin a round at {}, take r0; it finds {}",
            RELAYS[relay],
            SERVERS[server],
            mark(before.servers[server].mark)
        ),
        Step::Judge { relay } => format!("{}: the watermark is young enough", RELAYS[relay]),
        Step::FindGap { relay } => format!(
            "{}: SELECT what is pending -> too late for what was there before",
            RELAYS[relay]
        ),
        Step::Raise { relay } => {
            let raised = round(before, relay).is_some_and(|round| round.epoch == 0);
            let what = if raised {
                "raise the epoch"
            } else {
                "the epoch was raised meanwhile"
            };
            format!("{}: {what}", RELAYS[relay])
        }
        Step::Pending { relay } => format!(
            "{}: SELECT what is pending -> {}",
            RELAYS[relay],
            pending(bound, before, relay)
        ),
        Step::Deliver { relay } => {
            let server = round(before, relay).map_or(0, |round| usize::from(round.server));
            format!(
                "{}: invalidate that at {} -> {}",
                RELAYS[relay],
                SERVERS[server],
                cell(after.servers[server].cell)
            )
        }
        Step::SetMark { relay } => {
            let server = round(before, relay).map_or(0, |round| usize::from(round.server));
            let (found, left) = (before.servers[server].mark, after.servers[server].mark);
            let outcome = if found == left && !is_set(before, relay, server) {
                "refused".to_owned()
            } else {
                mark(left)
            };
            format!(
                "{}: set the watermark at {} -> {outcome}",
                RELAYS[relay], SERVERS[server]
            )
        }
        Step::Mistake { relay, .. } => {
            format!("{}: knows of an older epoch only", RELAYS[relay])
        }
        Step::Move { relay } => {
            let server = round(before, relay).map_or(0, |round| 1 - usize::from(round.server));
            format!(
                "{}: go on with a connection to {}",
                RELAYS[relay], SERVERS[server]
            )
        }
        Step::Break { relay } => format!("{}: dies and starts again", RELAYS[relay]),
        Step::Evict { server } => format!("{}: evicts the key", SERVERS[server]),
        Step::EvictMark { server } => format!("{}: evicts the watermark", SERVERS[server]),
        Step::Replicate => "the replica catches up".to_owned(),
        Step::Promote => format!("{} is promoted", SERVERS[1 - before.primary()]),
        Step::SetBack => format!(
            "the clock of {} is stepped back by {}",
            SERVERS[0], bound.bounds.step_back
        ),
        Step::Demote => {
            let demoted = before
                .servers
                .iter()
                .position(|server| server.role == Role::Deposed);
            format!(
                "{} learns that it is deposed, and takes the data of the other",
                SERVERS[demoted.unwrap_or(0)]
            )
        }
    }
}

fn round(state: &State, relay: usize) -> Option<&Round> {
    state.relays[relay].round.as_ref()
}

fn is_set(before: &State, relay: usize, server: usize) -> bool {
    round(before, relay).is_some_and(|round| round.label == before.servers[server].label)
}

/// The versions that a look for what is pending finds.
fn pending(bound: &Bound, before: &State, relay: usize) -> String {
    let looked = bound.take(before, Step::Pending { relay });
    let bits = round(&looked, relay).map_or(0, |round| round.pending);
    let found: Vec<String> = (0..2u8)
        .filter(|index| bits & (1 << index) != 0)
        .map(|index| format!("version {}", index + 2))
        .collect();
    if found.is_empty() {
        "nothing".to_owned()
    } else {
        found.join(", ")
    }
}

fn item(item: Option<Item>) -> String {
    match item {
        Some(Item::Push) => "the push for the key".to_owned(),
        Some(Item::Everything) => "the push for everything".to_owned(),
        Some(Item::Reply(found)) => format!(
            "the reply to its GET: {}",
            found.map_or_else(|| "nothing of use".to_owned(), stored)
        ),
        Some(Item::Probe(found)) => format!("the reply to its probe: {}", proof(found)),
        None => "nothing".to_owned(),
    }
}

fn proof(proof: Option<Proof>) -> String {
    match proof {
        Some(proof) => format!("bound {}{}", proof.bound, of_epoch(proof.epoch)),
        None => "no proof".to_owned(),
    }
}

fn mark(mark: Option<Mark>) -> String {
    match mark {
        Some(mark) => format!(
            "a watermark {} old by {}'s clock, its snapshot {} old{}",
            mark.at,
            SERVERS[usize::from(mark.clock)],
            mark.snapshot,
            of_epoch(mark.epoch)
        ),
        None => "no watermark".to_owned(),
    }
}

fn cell(cell: Cell) -> String {
    match cell {
        Cell::Empty => "no value".to_owned(),
        Cell::Lease { .. } => "a lease".to_owned(),
        Cell::Kept(entry) => stored(entry),
    }
}

fn stored(entry: Entry) -> String {
    format!("V{}{}", entry.version, of_epoch(entry.epoch))
}

fn of_epoch(epoch: u8) -> &'static str {
    if epoch == 0 {
        ""
    } else {
        ", of an older epoch"
    }
}
