//! The cells of a run: each workload in rounds, and in each round every system in turn, so that
//! whatever else the machine does falls on all of them.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

use crate::Result;
use crate::burst;
use crate::caches;
use crate::depth::Cursors;
use crate::extent::Extent;
use crate::figures::Figure;
use crate::floor::Template;
use crate::measured::Measured;
use crate::open_loop::{self, Connection, Pace};
use crate::profile::Recording;
use crate::progress::say;
use crate::requests::Request;
use crate::sampling::Sampler;
use crate::stand::Stand;
use crate::store_floors::StoreFloors;
use crate::system::{Kind, System};
use crate::workload::{ALL, List, State, Tags, Workload};
use crate::wrk::{self, Wrk};

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
    tags: Tags,
    pub(crate) seen: Seen,
}

/// What a system is asked, when it is ready.
struct Ready {
    list: List,
    written: wrk::List,
    connections: u32,
}

impl<'a> Run<'a> {
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
            tags: Tags::default(),
            seen: Seen::default(),
        })
    }

    pub(crate) async fn all(&mut self) -> Result<()> {
        for workload in ALL
            .iter()
            .filter(|workload| self.extent.wants(workload.name))
        {
            // A quick look has no time to read that many users first.
            if self.extent.quick && workload.is_long() {
                continue;
            }
            if !workload.has_room(self.stand.users, self.extent.memory) {
                say(&format!(
                    "{} {} is left out: it takes more users, a larger --memory, or users with feeds",
                    workload.name, workload.variant
                ));
                continue;
            }
            let systems = self.systems;
            // Only while it is asked: a process at rest looks after the stores as well.
            let forgetful = if workload.suits(Kind::Forgetful) {
                let service = systems.iter().find(|system| system.kind == Kind::Service);
                let redis = service.and_then(|service| service.redis.as_ref());
                Some(System::forgetful(self.roster, self.stand, redis)?)
            } else {
                None
            };
            for round in 1..=self.extent.rounds {
                for system in systems
                    .iter()
                    .chain(&forgetful)
                    .filter(|system| workload.suits(system.kind))
                {
                    self.cell(*workload, system, round).await?;
                }
                if workload.name == "W3" && workload.connections == 0 {
                    let floors = StoreFloors::new(self.stand, self.extent);
                    self.tell_all(floors.postgres(round).await?);
                }
                if (workload.name, workload.variant) == ("W1", "hot") {
                    let floors = StoreFloors::new(self.stand, self.extent);
                    self.tell_all(floors.redis(round).await?);
                }
            }
            let mut service = self
                .systems
                .iter()
                .filter(|system| system.kind == Kind::Service);
            if let (true, Some(service)) = (self.extent.profile, service.next()) {
                self.profile(*workload, service).await?;
            }
        }
        if self.extent.wants("W7") {
            for round in 1..=self.extent.rounds {
                for system in self.systems {
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

    /// Has a system in the state that a workload begins in.
    async fn ready(&mut self, workload: Workload, system: &System, round: u64) -> Result<Ready> {
        let list = self.list(workload, system, round).await?;
        let name = format!("{}-{}", workload.name, system.name.replace(' ', "-"));
        let written = self.wrk.list(&name, &list.requests)?;
        let connections = match workload.connections {
            0 => self.extent.connections,
            connections => connections,
        };
        match workload.state {
            State::Empty => self.empty(system).await?,
            State::Warm => self.warm(system, &list.warmed).await?,
            State::Any => {}
        }
        if workload.state != State::Empty {
            // Connections, statements and branches are warm, too.
            let ahead = workload.ahead(system.kind);
            self.wrk.run(system, &written, connections, ahead).await?;
        }
        Ok(Ready {
            list,
            written,
            connections,
        })
    }

    async fn cell(&mut self, workload: Workload, system: &System, round: u64) -> Result<()> {
        let Ready {
            list,
            written,
            connections,
        } = self.ready(workload, system, round).await?;
        let sampler = Sampler::new(system, self.stand, &list.requests, list.expected).await?;
        let (stop, stopped) = watch::channel(false);
        let sampling = tokio::spawn(sampler.run(stopped));
        let before = system.used(self.stand)?;
        let closed = self
            .wrk
            .run(system, &written, connections, self.extent.lasting)
            .await?;
        let after = system.used(self.stand)?;
        stop.send_replace(true);
        let sampled = sampling.await?;
        let per_request = |from: Duration, to: Duration| {
            to.saturating_sub(from).as_secs_f64() * 1e6 / closed.requests.max(1) as f64
        };
        let service_us = per_request(before.service, after.service);
        let postgres_us = per_request(before.postgres, after.postgres);
        let redis_us = per_request(before.redis, after.redis);
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.seen.wrong.extend(
            sampled
                .wrong
                .iter()
                .map(|wrong| format!("{} {}: {wrong}", workload.name, system.name)),
        );
        self.tell_all(vec![Measured {
            users: self.stand.users,
            workload: workload.name.to_owned(),
            variant: workload.variant.to_owned(),
            system: system.name.clone(),
            round,
            connections,
            requests: closed.requests,
            requests_per_second: closed.requests as f64 / closed.took.as_secs_f64(),
            service_us,
            postgres_us,
            redis_us,
            total_us: service_us + postgres_us + redis_us,
            generator_us: per_request(Duration::ZERO, closed.generator),
            p50_us: micros(closed.p50),
            p90_us: micros(closed.p90),
            p99_us: micros(closed.p99),
            p999_us: micros(closed.p999),
            max_us: micros(closed.max),
            octets_per_answer: closed.bytes as f64 / closed.requests.max(1) as f64,
            failed: closed.broken + closed.refused,
            compared: sampled.answers,
            wrong: sampled.wrong.len() as u64,
            checksum: sampled.checksum.map(|checksum| format!("{checksum:08x}")),
            queries: None,
            resident_mib: system.service.resident().unwrap_or_default() as f64 / 1_048_576.0,
        }]);
        if workload.name == "W4" {
            self.stand.settle().await?;
        }
        Ok(())
    }

    async fn list(&mut self, workload: Workload, system: &System, round: u64) -> Result<List> {
        if workload.walks() && !self.cursors.contains_key(&system.name) {
            say(&format!("walking through the list of {}", system.name));
            let cursors = Cursors::walk(system, self.stand).await?;
            self.cursors.insert(system.name.clone(), cursors);
        }
        // Each time: what was updated in between has another.
        if workload.needs_tags() && system.kind == Kind::Service {
            self.tags = Tags::of(system, &Workload::hot(self.stand, Workload::HOT)).await?;
        }
        let none = Cursors::default();
        let cursors = self.cursors.get(&system.name).unwrap_or(&none);
        workload.list(
            self.stand,
            system,
            &self.template.body,
            round,
            cursors,
            &self.tags,
        )
    }

    /// Asks twice for each of these users, unless that was done since the caches were emptied.
    async fn warm(&mut self, system: &System, ids: &[Uuid]) -> Result<()> {
        if system.kind == Kind::Constant || !self.warmed.insert((system.name.clone(), ids.len())) {
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
        let recording = Recording::start(system.service, lasting)?;
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
        self.seen.profiles.push((name, recording.read().await?));
        Ok(())
    }

    async fn open_loops(&mut self) -> Result<()> {
        let hot = Workload::hot(self.stand, Workload::HOT);
        let drawn = crate::requests::zipf(&hot, 50_000, 1)?;
        let requests: Arc<[Request]> = drawn.into_iter().map(Request::user).collect();
        for rate in [2_000, 5_000, 10_000] {
            for system in self.systems {
                self.warm(system, &hot).await?;
                let pace = Pace {
                    rate,
                    connections: self.extent.connections,
                    lasting: self.extent.lasting,
                };
                let open = open_loop::run(system, &requests, pace).await?;
                let points: Vec<_> = [0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999]
                    .map(|quantile| (quantile, open.latencies.value_at_quantile(quantile)))
                    .to_vec();
                say(&format!(
                    "open loop {rate}/s {:<18} p50 {} µs, p99 {} µs, p99.9 {} µs, {} failed",
                    system.name, points[0].1, points[4].1, points[6].1, open.failed
                ));
                self.seen.latencies.push(Latencies {
                    system: system.name.clone(),
                    rate,
                    failed: open.failed,
                    points,
                });
            }
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
