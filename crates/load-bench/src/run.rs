//! The cells of a run: each workload in rounds, and in each round every system in turn, so that
//! whatever else the machine does falls on all of them.

mod answers;
mod cells;
mod open_loops;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use uuid::Uuid;

use crate::Result;
use crate::burst;
use crate::caches;
use crate::cpu::Tree;
use crate::depth::Cursors;
use crate::extent::Extent;
use crate::figures::Figure;
use crate::floor::Template;
use crate::held::{LongUsers, Tags};
use crate::measured::Measured;
use crate::open_loop::Connection;
use crate::profile::{Recording, Whose};
use crate::progress::say;
use crate::requests::Request;
use crate::stand::Stand;
use crate::store_floors::StoreFloors;
use crate::system::{Kind, System};
use crate::workload::{GROUPS, Known, List, State, Workload};
use crate::wrk::{self, Wrk};
use answers::Checksums;

/// Latencies of an open loop.
pub(crate) struct Latencies {
    pub(crate) system: String,
    pub(crate) rate: u32,
    pub(crate) failed: u64,
    /// Percentile and microseconds.
    pub(crate) points: Vec<(f64, u64)>,
}

/// What a run saw.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) cells: Vec<Measured>,
    pub(crate) latencies: Vec<Latencies>,
    /// What is measured beside load.
    pub(crate) figures: Vec<Figure>,
    /// Answers that were wrong, in words.
    pub(crate) wrong: Vec<String>,
    /// Where the service spent its time, by workload.
    pub(crate) profiles: Vec<(String, String)>,
}

impl Seen {
    pub(crate) fn add(&mut self, other: Self) {
        self.cells.extend(other.cells);
        self.latencies.extend(other.latencies);
        self.figures.extend(other.figures);
        self.wrong.extend(other.wrong);
        self.profiles.extend(other.profiles);
    }

    /// Requests without an answer, or with a status from 400 up.
    pub(crate) fn failed(&self) -> u64 {
        let closed = self.cells.iter().map(|cell| cell.failed);
        closed
            .chain(self.latencies.iter().map(|open| open.failed))
            .sum()
    }
}

/// Servers under way and what is known of them.
pub(crate) struct Run<'a> {
    stand: &'a Stand,
    systems: &'a [System],
    /// The binary of the service.
    roster: &'a Path,
    template: &'a Template,
    extent: &'a Extent,
    wrk: Wrk,
    cursors: HashMap<String, Cursors>,
    /// Which users each system was warmed with, by their number.
    warmed: HashSet<(String, usize)>,
    long: LongUsers,
    tags: Tags,
    checksums: Checksums,
    pub(crate) seen: Seen,
}

/// What a system is asked, when it is ready.
struct Ready {
    list: List,
    written: wrk::List,
    connections: u32,
}

impl<'a> Run<'a> {
    /// No round has this number.
    const AHEAD_OF_ROUND: u64 = 1_000_000;

    pub(crate) fn new(
        stand: &'a Stand,
        systems: &'a [System],
        roster: &'a Path,
        template: &'a Template,
        extent: &'a Extent,
    ) -> Result<Self> {
        Ok(Self {
            stand,
            systems,
            roster,
            template,
            extent,
            wrk: Wrk::new()?,
            cursors: HashMap::new(),
            warmed: HashSet::new(),
            long: LongUsers::default(),
            tags: Tags::default(),
            checksums: Checksums::default(),
            seen: Seen::default(),
        })
    }

    pub(crate) async fn all(&mut self) -> Result<()> {
        let systems = self.systems;
        let service = systems.iter().find(|system| system.kind == Kind::Service);
        if let (true, Some(service)) = (self.extent.wants("W8"), service) {
            let sizes: Vec<_> = Workload::all().filter_map(Workload::long).collect();
            self.long = LongUsers::make(service, self.stand, &sizes).await?;
        }
        self.loads().await?;
        if let Some(service) = service {
            std::mem::take(&mut self.long).undo(service).await?;
        }
        if self.extent.wants("W7") {
            if systems.iter().any(|system| system.kind == Kind::External) {
                tell_left_out("W7", "");
            }
            for round in 1..=self.extent.rounds {
                for system in systems {
                    if matches!(system.kind, Kind::Service | Kind::Peer) {
                        self.empty(system).await?;
                        let measured = burst::run(self.stand, system, round).await?;
                        self.tell_all(vec![measured]);
                    }
                }
            }
        }
        if self.extent.wants("open") {
            self.open_loops().await?;
        }
        Ok(())
    }

    /// What a closed loop measures.
    async fn loads(&mut self) -> Result<()> {
        let systems = self.systems;
        let service = systems.iter().find(|system| system.kind == Kind::Service);
        for group in GROUPS {
            let group = group.iter().filter(|workload| self.is_run(workload));
            let group: Vec<_> = group.copied().collect();
            if systems.iter().any(|system| system.kind == Kind::External) {
                for workload in group.iter().filter(|workload| workload.empties()) {
                    tell_left_out(workload.name, workload.variant);
                }
            }
            // Only while it is asked: a process at rest looks after the stores as well.
            let forgetful = if group.iter().any(|workload| workload.suits(Kind::Forgetful)) {
                let redis = service.and_then(|service| service.redis.as_ref());
                Some(System::forgetful(self.roster, self.stand, redis)?)
            } else {
                None
            };
            for round in 1..=self.extent.rounds {
                for workload in &group {
                    let systems = systems.iter().chain(&forgetful);
                    let suited: Vec<_> = systems
                        .filter(|system| workload.suits(system.kind))
                        .collect();
                    // In each round another one is the first.
                    let first = usize::try_from(round - 1)? % suited.len().max(1);
                    for system in suited.iter().cycle().skip(first).take(suited.len()) {
                        self.cell(*workload, system, round).await?;
                    }
                    if let (true, Some(service)) = (workload.suits(Kind::Unbatched), service) {
                        let system = self.unbatched(service)?;
                        self.cell(*workload, &system, round).await?;
                    }
                    self.store_floors(*workload, round).await?;
                }
            }
            if let (true, Some(service)) = (self.extent.profile, service) {
                for workload in group {
                    self.profile(workload, service).await?;
                }
            }
        }
        Ok(())
    }

    /// Another process beside the service, which looks after the stores as well: only for a cell.
    fn unbatched(&self, service: &System) -> Result<System> {
        let memory = format!("{}B", self.extent.memory);
        System::unbatched(self.roster, self.stand, &memory, service.redis.as_ref())
    }

    fn is_run(&self, workload: &Workload) -> bool {
        // A quick look has no time to read that many users first.
        if !self.extent.wants(workload.name) || self.extent.quick && workload.is_long() {
            return false;
        }
        let has_room = workload.has_room(self.stand.users, self.extent.memory);
        if !has_room {
            say(&format!(
                "{} {} is left out: it takes more users, a larger --memory, or users with feeds",
                workload.name, workload.variant
            ));
        }
        has_room
    }

    /// What the stores do without a service, beside what it is held against.
    async fn store_floors(&mut self, workload: Workload, round: u64) -> Result<()> {
        let floors = StoreFloors::new(self.stand, self.extent);
        let measured = match (workload.name, workload.variant) {
            ("W3", "miss") => floors.postgres(round).await?,
            ("W1", "hot") => floors.redis(round).await?,
            _ => Vec::new(),
        };
        self.tell_all(measured);
        Ok(())
    }

    /// Has a system in the state that a workload begins in.
    async fn ready(&mut self, workload: Workload, system: &System, round: u64) -> Result<Ready> {
        let connections = match workload.connections {
            0 => self.extent.connections,
            connections => connections,
        };
        let name = format!("{}-{}", workload.name, system.name.replace(' ', "-"));
        // Other requests than those that count.
        let ahead = self
            .list(workload, system, Self::AHEAD_OF_ROUND + round)
            .await?;
        let once = workload.empties();
        let written = self.wrk.list(system, &name, &ahead.requests, once)?;
        if workload.state == State::Warm {
            self.warm(system, &ahead.warmed).await?;
        }
        self.wrk
            .run(system, &written, connections, workload.ahead())
            .await?;
        if once {
            self.empty(system).await?;
        }
        self.stand.rest().await?;
        let list = self.list(workload, system, round).await?;
        let written = self.wrk.list(system, &name, &list.requests, once)?;
        Ok(Ready {
            list,
            written,
            connections,
        })
    }

    async fn list(&mut self, workload: Workload, system: &System, round: u64) -> Result<List> {
        if workload.walks() && !self.cursors.contains_key(&system.name) {
            say(&format!("walking through the list of {}", system.name));
            let cursors = Cursors::walk(system, self.stand).await?;
            self.cursors.insert(system.name.clone(), cursors);
        }
        // Each time: what was updated in between has another.
        let held = workload.held(self.stand, &self.long);
        if let (Some(held), Kind::Service) = (held, system.kind) {
            self.tags = Tags::of(system, &held).await?;
        }
        let none = Cursors::default();
        let known = Known {
            constant: &self.template.body,
            cursors: self.cursors.get(&system.name).unwrap_or(&none),
            long: &self.long,
            tags: &self.tags,
        };
        workload.list(self.stand, system, round, &known)
    }

    /// Asks twice for each of these users, unless that was done since the caches were emptied.
    ///
    /// The service is asked each time: what its memory has of a shared cache it forgets after a
    /// minute, while others have their turns.
    async fn warm(&mut self, system: &System, ids: &[Uuid]) -> Result<()> {
        let is_new = self.warmed.insert((system.name.clone(), ids.len()));
        if system.kind == Kind::Constant || !(is_new || system.kind == Kind::Service) {
            return Ok(());
        }
        if let (Kind::RedisGet, Some(redis)) = (system.kind, &system.redis) {
            return caches::put_all(&redis.url(), ids, &self.template.body).await;
        }
        let mut tasks = Vec::new();
        for share in ids.chunks(ids.len().div_ceil(32).max(1)) {
            let mut connection = Connection::open(system).await?;
            let share = share.to_vec();
            tasks.push(tokio::spawn(async move {
                for id in share {
                    // The first read fills the shared cache, the second one memory.
                    connection.send(&Request::user(id)).await;
                    connection.send(&Request::user(id)).await;
                }
            }));
        }
        for task in tasks {
            task.await?;
        }
        Ok(())
    }

    async fn empty(&mut self, system: &System) -> Result<()> {
        self.warmed.retain(|(name, _)| *name != system.name);
        caches::empty(system).await
    }

    /// Has the service do one round more under `perf`, and keeps where its time went.
    async fn profile(&mut self, workload: Workload, system: &System) -> Result<()> {
        let Ready {
            written,
            connections,
            ..
        } = self.ready(workload, system, self.extent.rounds + 1).await?;
        let lasting = self.extent.lasting;
        let redis = system.redis.as_ref().map(|redis| Tree(redis.pid()));
        let recordings = [
            (Whose::Service, Some(system.service)),
            (Whose::Postgres, Some(self.stand.postgres())),
            (Whose::Redis, redis),
        ];
        let recordings: Vec<_> = recordings
            .into_iter()
            .filter_map(|(whose, tree)| Some(Recording::start(whose, tree?, lasting)))
            .collect::<Result<_>>()?;
        self.wrk
            .run(
                system,
                &written,
                connections,
                lasting + Duration::from_secs(1),
            )
            .await?;
        let name = format!(
            "{} {}, {} users",
            workload.name, workload.variant, self.stand.users
        );
        let mut pages = Vec::new();
        for recording in recordings {
            pages.push(recording.read().await?);
        }
        self.seen.profiles.push((name, pages.join("\n")));
        if workload.writes() {
            self.stand.clean().await?;
        }
        Ok(())
    }

    fn tell_all(&mut self, cells: Vec<Measured>) {
        for cell in cells {
            say(&format!(
                "{} {:<24} {:<18} round {}: {:>9.0}/s  µs {:>6.1} + {:>6.1} + {:>5.1}  p50 {:>6}  p99 {:>7}  failed {} wrong {}",
                cell.workload,
                cell.variant,
                cell.system,
                cell.round,
                cell.requests_per_second,
                cell.service_us,
                cell.postgres_us,
                cell.redis_us,
                cell.p50_us,
                cell.p99_us,
                cell.failed,
                cell.wrong,
            ));
            self.seen.cells.push(cell);
        }
    }
}

fn tell_left_out(workload: &str, variant: &str) {
    say(&format!(
        "{workload} {variant} is left out for the external server: nobody can empty its caches"
    ));
}
