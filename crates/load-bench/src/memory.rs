//! What a cached user costs: in the process, when its cache is full and when users had to make
//! room for others; in Redis; in PostgreSQL.

use std::path::Path;
use std::time::Duration;

use roster_soak::Client;
use roster_test_services::RedisServer;
use serde_json::Value;
use uuid::Uuid;

use crate::Result;
use crate::crowd::{self, ReadBodies};
use crate::extent::Extent;
use crate::figures::{Case, Figure};
use crate::measured::median;
use crate::progress::say;
use crate::redis_info::{self, RedisInfo};
use crate::stand::Stand;
use crate::system::System;

/// As `--only` names it.
pub(crate) const NAME: &str = "memory";
pub(crate) const FULL: &str = "full";
pub(crate) const BEYOND: &str = "after twice as many more";
pub(crate) const AGAINST_BODY: &str = "resident a user, against its body";
pub(crate) const AGAINST_LIMIT: &str = "resident, against --cache-memory";

/// Users of one step of filling.
const STEP: usize = 1_000;
/// A cache that has so much of what it may hold is full.
const FULL_SHARE: f64 = 0.98;

/// What the process says of its cache, and the system of the process.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Held {
    users: f64,
    /// As the service reckons.
    octets: f64,
    capacity: f64,
    resident: f64,
}

impl Held {
    async fn by(system: &System) -> Result<Self> {
        let resident = settled(system).await?;
        let body = Client::new(system.address)
            .get("/v1/admin/cache")
            .await?
            .body;
        Self::of(&serde_json::from_str(&body)?, resident).ok_or_else(|| body.into())
    }

    fn of(status: &Value, resident: f64) -> Option<Self> {
        let number = |name: &str| status["l1"][name].as_f64();
        Some(Self {
            users: number("entries")?,
            octets: number("octets")?,
            capacity: number("capacity")?,
            resident,
        })
    }

    fn is_full(&self) -> bool {
        self.octets >= FULL_SHARE * self.capacity
    }

    /// Octets that the process took for each user since then.
    fn a_user_since(&self, before: &Self) -> f64 {
        (self.resident - before.resident) / (self.users - before.users).max(1.0)
    }

    /// What the process holds for all of its cache, as a share of what that may be. The few users
    /// that were there before count as they are reckoned.
    fn share_since(&self, before: &Self) -> f64 {
        (self.resident - before.resident + before.octets) / self.capacity
    }
}

/// Every round with a process and a Redis of its own.
pub(crate) async fn run(stand: &Stand, binary: &Path, extent: &Extent) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for round in 1..=extent.rounds {
        figures.extend(one_round(stand, binary, extent.quick, round).await?);
    }
    Ok(figures)
}

/// So small that three times what fits are there to be read, and no larger than the default.
fn mebibytes(users: u64, quick: bool) -> u64 {
    let most = if quick { 8 } else { 64 };
    (users / 4_096).clamp(8, most)
}

async fn one_round(stand: &Stand, binary: &Path, quick: bool, round: u64) -> Result<Vec<Figure>> {
    let memory = format!("{}MiB", mebibytes(stand.users, quick));
    let flags = ["--cache-memory", &memory];
    let system = System::service(NAME, binary, stand, &flags, None)?;
    let redis = system.redis.as_ref().ok_or("no Redis")?;
    let mut bodies = ReadBodies::default();
    let mut unread = stand.ids.as_slice();
    // Whatever is made once, connections and statements and buffers, is made by these.
    for _ in 0..4 {
        crowd::read(system.address, next(&mut unread, STEP)?).await?;
    }
    let before = Held::by(&system).await?;
    let redis_before = RedisInfo::of(redis).await?;

    let mut full = before;
    while !full.is_full() {
        let missing = (FULL_SHARE - full.octets / full.capacity).max(0.0);
        let steps = if missing > 0.25 { 4 } else { 1 };
        let ids = next(&mut unread, steps * STEP)?;
        bodies.add(crowd::read(system.address, ids).await?);
        full = Held::of_now(&system, full).await?;
    }
    let full = Held::by(&system).await?;
    let redis_after = RedisInfo::of(redis).await?;

    let case = |name| Case {
        users: stand.users,
        experiment: NAME,
        name,
        round,
    };
    let in_redis = redis_figures(
        &case("Redis"),
        bodies,
        [&redis_before, &redis_after],
        stand,
        &system,
    )
    .await?;
    let twice = whole(2.0 * full.users);
    let more = twice.min(unread.len());
    bodies.add(crowd::read(system.address, next(&mut unread, more)?).await?);
    let beyond = Held::by(&system).await?;

    let mut figures = process_figures(&case(FULL), &full, &before, bodies);
    figures.extend(process_figures(&case(BEYOND), &beyond, &before, bodies));
    figures.extend(in_redis);
    let other = System::service("memory, other", binary, stand, &flags, Some(redis))?;
    let octets = one_more_reader(&other, redis, stand).await?;
    figures.push(case("Redis").figure(
        "used_memory for one more reader of a key",
        "octets",
        octets,
    ));
    for (what, octets) in stand.octets_a_user().await? {
        figures.push(case("PostgreSQL").figure(what, "octets a user", octets));
    }
    for figure in &figures {
        say(&format!(
            "{NAME} {}, round {round}: {} {:.2} {}",
            figure.case, figure.name, figure.value, figure.unit
        ));
    }
    Ok(figures)
}

impl Held {
    /// The same without waiting for the memory to settle.
    async fn of_now(system: &System, last: Self) -> Result<Self> {
        let body = Client::new(system.address)
            .get("/v1/admin/cache")
            .await?
            .body;
        Self::of(&serde_json::from_str(&body)?, last.resident).ok_or_else(|| body.into())
    }
}

fn process_figures(case: &Case<'_>, now: &Held, before: &Held, bodies: ReadBodies) -> Vec<Figure> {
    let a_user = now.a_user_since(before);
    vec![
        case.figure("users kept", "", now.users),
        case.figure("body of an answer", "octets", bodies.mean()),
        case.figure("reckoned a user", "octets", now.octets / now.users.max(1.0)),
        case.figure("resident a user", "octets", a_user),
        case.figure(AGAINST_BODY, "times", a_user / bodies.mean()),
        case.figure(AGAINST_LIMIT, "times", now.share_since(before)),
        case.figure("resident, all", "MB", now.resident / 1e6),
    ]
}

/// What the users that were read between two looks cost there: each was asked for three
/// times, and Redis answered the first two at most.
async fn redis_figures(
    case: &Case<'_>,
    bodies: ReadBodies,
    [before, after]: [&RedisInfo; 2],
    stand: &Stand,
    system: &System,
) -> Result<Vec<Figure>> {
    let redis = system.redis.as_ref().ok_or("no Redis")?;
    let users = bodies.users.max(1) as f64;
    let grown = |name: &str| {
        let of = |info: &RedisInfo| info.number(name).map(|number| number as f64);
        of(after)
            .zip(of(before))
            .map(|(after, before)| after - before)
    };
    let mut usages = Vec::new();
    for id in sampled(&stand.ids) {
        usages.extend(
            redis_info::memory_of(redis, id)
                .await?
                .map(|octets| octets as f64),
        );
    }
    let mut figures = vec![case.figure("MEMORY USAGE of a key", "octets", median(usages))];
    for (name, shown) in [
        ("used_memory", "used_memory a user"),
        ("tracking_total_keys", "tracked keys a user"),
    ] {
        let grown = grown(name).ok_or_else(|| format!("INFO has no {name}"))?;
        let unit = if name == "used_memory" { "octets" } else { "" };
        figures.push(case.figure(shown, unit, grown / users));
    }
    for command in RedisInfo::COMMANDS {
        let calls = after.calls(command).saturating_sub(before.calls(command));
        let name = match command {
            "get" => "GET a miss",
            "mget" => "MGET a miss",
            "evalsha" => "EVALSHA a miss",
            "set" => "SET a miss",
            _ => "TIME a miss",
        };
        figures.push(case.figure(name, "", calls as f64 / users));
    }
    Ok(figures)
}

/// What Redis takes to remember that one more process has read a key.
async fn one_more_reader(other: &System, redis: &RedisServer, stand: &Stand) -> Result<f64> {
    const READ: usize = 8 * STEP;
    let mut unread = stand.ids.as_slice();
    // For its connection and what belongs to it.
    crowd::read(other.address, next(&mut unread, STEP)?).await?;
    let used = async || -> Result<f64> {
        let used = RedisInfo::of(redis).await?.number("used_memory");
        Ok(used.ok_or("INFO has no used_memory")? as f64)
    };
    let before = used().await?;
    crowd::read(other.address, next(&mut unread, READ)?).await?;
    Ok((used().await? - before) / READ as f64)
}

/// Some of those that were read first.
fn sampled(ids: &[Uuid]) -> impl Iterator<Item = Uuid> {
    ids.iter().take(4 * STEP).step_by(40).copied()
}

fn next<'a>(unread: &mut &'a [Uuid], count: usize) -> Result<&'a [Uuid]> {
    let (ids, rest) = unread
        .split_at_checked(count)
        .ok_or("the users end before the cache is full")?;
    *unread = rest;
    Ok(ids)
}

/// What is resident once it no longer moves, or after five seconds.
async fn settled(system: &System) -> Result<f64> {
    const PAUSE: Duration = Duration::from_millis(250);
    let mut last = 0.0;
    for _ in 0..20 {
        let now = system.service.resident()? as f64;
        if (now - last).abs() <= now * 0.001 {
            return Ok(now);
        }
        last = now;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(last)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of users"
)]
fn whole(number: f64) -> usize {
    number as usize
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn held(users: u32, octets: u32, resident: u32) -> Held {
        let status = json!({"l1": {"entries": users, "octets": octets, "capacity": 1_000_000}});
        Held::of(&status, f64::from(resident)).unwrap()
    }

    #[test]
    fn what_the_first_users_take_counts_once() {
        let before = held(100, 100_000, 20_000_000);
        let full = held(900, 985_000, 20_960_000);
        assert!(full.is_full() && !before.is_full());
        assert!((full.a_user_since(&before) - 1_200.0).abs() < 1e-9);
        assert!((full.share_since(&before) - 1.06).abs() < 1e-9);
    }

    #[test]
    fn a_process_without_a_cache_is_an_error() {
        assert_eq!(Held::of(&json!({"l1": null}), 1.0), None);
    }

    #[test]
    fn three_times_what_fits_is_there() {
        assert_eq!(mebibytes(100_000, false), 24);
        assert_eq!(mebibytes(100_000, true), 8);
        assert_eq!(mebibytes(10_000_000, false), 64);
    }
}
