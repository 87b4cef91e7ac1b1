use std::fmt::Write as _;

use crate::endpoints::{CacheMode, CacheStatus, CachedUser, HeldState, HeldUser, TierShare};
use crate::progress::grouped;

/// The caches, for people.
pub(super) fn status(status: &CacheStatus) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name:<18}{value}");
    };
    line("caches", mode(status.mode));
    let answers = &status.answers;
    let all = answers.l1.count + answers.l2.count + answers.database.count;
    line(
        "answers",
        &format!(
            "{} since the start, {} of them without a bound",
            grouped(all),
            grouped(status.unproven)
        ),
    );
    line("  this process", &share(&answers.l1));
    line("  Redis", &share(&answers.l2));
    line("  database", &share(&answers.database));
    if let Some(l1) = &status.l1 {
        let (entries, octets) = (grouped(l1.entries), grouped(l1.octets));
        let capacity = grouped(l1.capacity);
        line(
            "this process",
            &format!("{entries} entries, {octets} of {capacity} octets"),
        );
    }
    if let Some(shared) = &status.shared {
        let tracked = if shared.tracked {
            "yes"
        } else {
            "no: nothing is kept in this process, because nothing tells it of changes"
        };
        line("tracked", tracked);
        let bound = match shared.bound_seconds {
            Some(bound) => format!("an answer is at most {bound:.3} s old"),
            None => "unproven: nothing shows just now how old an answer is".to_owned(),
        };
        line("bound", &bound);
        let behind = match shared.watermark_behind_seconds {
            Some(behind) => format!("{behind:.3} s behind when it was read last"),
            None => "proved nothing when it was read last".to_owned(),
        };
        line("watermark", &behind);
        let (relayed, failures) = (grouped(shared.relayed), grouped(shared.relay_failures));
        line(
            "relay",
            &format!("{relayed} changes delivered by this process, {failures} rounds failed"),
        );
        let lag = match shared.relay_lag_seconds {
            Some(lag) if lag > 0.0 => {
                format!("the oldest change found undelivered was {lag:.3} s old")
            }
            Some(_) => "nothing was undelivered in the last round".to_owned(),
            None => "the relay of another process looks".to_owned(),
        };
        line("relay lag", &lag);
        line(
            "invalidations",
            &format!("{} pending", grouped(shared.pending_invalidations)),
        );
    }
    text
}

/// One user in every tier, for people.
pub(super) fn user(user: &CachedUser) -> String {
    let mut text = format!("user {}\n\n", user.id);
    let mut row = |cells: [&str; 5]| {
        let [tier, state, version, floor, kept] = cells;
        let line = format!("{tier:<14}{state:<13}{version:<9}{floor:<7}{kept}");
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}", line.trim_end());
    };
    row(["tier", "state", "version", "floor", "kept for"]);
    let tiers = [
        ("this process", user.l1.as_ref()),
        ("Redis", user.l2.as_ref()),
        ("database", Some(&user.row)),
    ];
    for (tier, held) in tiers {
        let Some(held) = held else {
            row([tier, "not there", "", "", ""]);
            continue;
        };
        let number = |number: Option<u64>| number.map(|n| n.to_string()).unwrap_or_default();
        let kept = held.ttl_seconds.map(|ttl| format!("{ttl} s"));
        row([
            tier,
            state(held),
            &number(held.version),
            &number(held.floor),
            &kept.unwrap_or_default(),
        ]);
    }
    text
}

fn mode(mode: CacheMode) -> &'static str {
    match mode {
        CacheMode::Embedded => "embedded: in this process, which is the only writer",
        CacheMode::Coalescing => "none: each read goes to the database, equal ones as one",
        CacheMode::Shared => "shared: in this process, and in Redis behind it",
    }
}

fn share(tier: &TierShare) -> String {
    match tier.share {
        Some(share) => format!("{:>12} {:>7.2} %", grouped(tier.count), share * 100.0),
        None => format!("{:>12}", grouped(tier.count)),
    }
}

fn state(held: &HeldUser) -> &'static str {
    match held.state {
        HeldState::Nothing => "nothing",
        HeldState::Value => "value",
        HeldState::Absent => "absent",
        HeldState::Floor => "floor",
        HeldState::Leased => "leased",
        HeldState::Unavailable => "unavailable",
    }
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;

    use super::*;

    const API: &str = include_str!("../../../../../docs/http-api.md");
    const OPERATIONS: &str = include_str!("../../../../../docs/operations.md");

    /// The answer that the description of the API shows for a request.
    fn documented<T: DeserializeOwned>(request: &str) -> T {
        let (_, rest) = API.split_once(&format!("{request}\n```\n")).unwrap();
        let json = rest.strip_prefix("```json\n").unwrap();
        let (json, _) = json.split_once("```").unwrap();
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_the_documentation_shows_is_what_is_printed() {
        let printed = status(&documented("GET /v1/admin/cache"));
        assert!(OPERATIONS.contains(&printed), "{printed}");
        let path = "GET /v1/admin/cache/users/0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f";
        let printed = user(&documented(path));
        assert!(OPERATIONS.contains(&printed), "{printed}");
    }
}
