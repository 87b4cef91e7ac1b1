//! Steps in words, each with what came of it.

use super::Fill;
use super::design::Kind;
use super::state::{Cell, Entry, Item, Phase, Relay, State, Write};
use super::step::Step;

const NAMES: [&str; 2] = ["A", "B"];

#[expect(clippy::too_many_lines, reason = "one line of text for each step")]
pub(super) fn tell(fill: &Fill, before: &State, step: Step, after: &State) -> String {
    let loader = |load: usize| {
        let node = fill.node_of(load);
        let others = fill.bounds.loads[..load]
            .iter()
            .filter(|other| **other == node);
        format!("node {}, load {}", NAMES[node], others.count() + 1)
    };
    match step {
        Step::Reserve { node } => {
            format!(
                "node {}: ACQUIRE for a write -> {}",
                NAMES[node],
                cell(after.cell)
            )
        }
        Step::Withdraw { node } => format!("node {}: write nothing after all", NAMES[node]),
        Step::Commit { node } => format!("node {}: COMMIT of version {}", NAMES[node], after.row),
        Step::RaiseFloor { node } => {
            format!(
                "node {}: raise the local floor to {}, drop the near entry",
                NAMES[node], after.nodes[node].floor
            )
        }
        Step::Invalidate { node } => {
            let version = version(before.nodes[node].write);
            format!(
                "node {}: {} -> {}",
                NAMES[node],
                change(fill, version),
                cell(after.cell)
            )
        }
        Step::Acknowledge { node } => {
            format!(
                "node {}: hear that version {} is in Redis",
                NAMES[node],
                version(before.nodes[node].write)
            )
        }
        Step::GiveUp { node } => {
            let word = if fill.design.kind == Kind::Leases {
                "answer without having heard from Redis"
            } else {
                "lose the message to Redis, and answer"
            };
            format!("node {}: {word}", NAMES[node])
        }
        Step::Get { load } => format!("{}: GET -> {}", loader(load), cell(before.cell)),
        Step::Join { load } => format!(
            "{}: a caller joins who must see version {}",
            loader(load),
            after.loads[load].owed
        ),
        Step::Receive { node } => {
            let item = match before.nodes[node].channel.first() {
                Some(Item::Push) => "the push for the key",
                Some(Item::Reply { .. }) => "the reply to its GET",
                Some(Item::Gone) | None => "that the connection is lost",
            };
            format!("node {}: receive {item}", NAMES[node])
        }
        Step::Take { load } => {
            let content = match before.loads[load].phase {
                Phase::Got(Some(entry)) => stored(entry),
                _ => String::new(),
            };
            let kept = if before.loads[load].ticket || !fill.design.guard {
                "and keep it near"
            } else {
                "and keep nothing: the ticket is void"
            };
            format!("{}: answer {content}, {kept}", loader(load))
        }
        Step::Claim { load } => {
            let answer = if before.cell == Cell::Empty {
                "granted, floor 0"
            } else {
                "something is there"
            };
            format!("{}: SET NX of a lease -> {answer}", loader(load))
        }
        Step::Acquire { load } if fill.design.kind != Kind::Leases => {
            format!("{}: miss", loader(load))
        }
        Step::Acquire { load } => {
            let answer = match after.loads[load].phase {
                Phase::Granted { floor } => format!("granted, floor {floor}"),
                Phase::Got(Some(entry)) if before.loads[load].phase != after.loads[load].phase => {
                    stored(entry)
                }
                _ => "wait".to_owned(),
            };
            format!("{}: ACQUIRE -> {answer}", loader(load))
        }
        Step::Read { load } => {
            let content = match after.loads[load].phase {
                Phase::Read { content, .. } => content,
                _ => 0,
            };
            let source = if fill.design.lagging_rows {
                " from a replica"
            } else {
                ""
            };
            format!("{}: SELECT{source} -> version {content}", loader(load))
        }
        Step::Fill { load } => {
            let content = match before.loads[load].phase {
                Phase::Read { content, .. } => content,
                _ => 0,
            };
            format!(
                "{}: fill with version {content} -> {}",
                loader(load),
                cell(after.cell)
            )
        }
        Step::Abandon { load } => format!("{}: dies", loader(load)),
        Step::RelayRead => "relay: read what is pending".to_owned(),
        Step::RelayDeliver => {
            let version = match before.relay {
                Relay::Read { pending } => pending.ilog2(),
                Relay::Idle | Relay::Delivered { .. } => 0,
            };
            format!(
                "relay: {} -> {}",
                change(fill, u8::try_from(version).unwrap_or(0)),
                cell(after.cell)
            )
        }
        Step::RelayAcknowledge => "relay: mark it as delivered".to_owned(),
        Step::RelayCrash => "relay: dies and starts again".to_owned(),
        Step::Evict => "Redis: evicts the key".to_owned(),
        Step::LeaseTime => format!("the lease time passes -> {}", cell(after.cell)),
        Step::Replicate => format!("Redis: the replica catches up -> {}", cell(after.copy)),
        Step::Failover => format!("Redis: fails over to the replica -> {}", cell(after.cell)),
        Step::RowReplicate => "database: its replica catches up".to_owned(),
        Step::Disconnect { node } => format!("node {}: its connection breaks", NAMES[node]),
        Step::Crash { node } => format!("node {}: dies and starts again", NAMES[node]),
    }
}

fn version(write: Write) -> u8 {
    match write {
        Write::None | Write::Reserved => 0,
        Write::Committed(version)
        | Write::Floored { version, .. }
        | Write::Applied { version, .. } => version,
    }
}

fn change(fill: &Fill, version: u8) -> String {
    match fill.design.kind {
        Kind::Delete => "DEL".to_owned(),
        Kind::AddIfAbsent => "SET tombstone".to_owned(),
        Kind::NewerWins => format!("store version {version} unless a newer one is there"),
        Kind::Leases => format!("INVALIDATE {version}"),
    }
}

fn cell(cell: Cell) -> String {
    match cell {
        Cell::Empty => "nothing stored".to_owned(),
        Cell::Kept(entry) => stored(entry),
        Cell::Tombstone { floor } => format!("T{floor}"),
        Cell::Lease { floor, overdue, .. } => {
            format!("L{floor}{}", if overdue { " (overdue)" } else { "" })
        }
    }
}

fn stored(entry: Entry) -> String {
    if entry.absence {
        format!("N{} (read at version {})", entry.number, entry.content)
    } else {
        format!("V{}", entry.content)
    }
}
