//! What the stores alone can do: `pgbench` with the statements of a read, `redis-benchmark` with GET.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use roster_test_services::{RedisServer, find_postgres};
use tokio::process::Command;

use crate::Result;
use crate::cpu::{self, Tree};
use crate::extent::Extent;
use crate::measured::Measured;
use crate::progress::say;
use crate::stand::Stand;

const COLUMNS: &str =
    "id, email, name, is_active, locale, avatar_url, metadata, version, created_at, updated_at";

/// What `pgbench` did, and what of the processors each transaction took.
struct Transactions {
    done: f64,
    per_second: f64,
    postgres_us: f64,
    generator_us: f64,
}

/// The floors below the services.
pub(crate) struct StoreFloors<'a> {
    stand: &'a Stand,
    extent: &'a Extent,
}

impl<'a> StoreFloors<'a> {
    const CLIENTS: u32 = 20;
    /// Ids of one row of `bench.samples`.
    pub(crate) const SAMPLE: usize = 64;
    /// As long it learns ids and reads nothing.
    const IDS_ALONE: Duration = Duration::from_secs(2);
    /// So many users are popular, as in W1.
    const KEYS: u64 = 10_000;

    pub(crate) const fn new(stand: &'a Stand, extent: &'a Extent) -> Self {
        Self { stand, extent }
    }

    /// Prepared reads by id: one row a statement, 16 rows, 64 rows. What it takes to learn the ids
    /// is measured alone and taken off. Nothing where `pgbench` is missing.
    pub(crate) async fn postgres(&self, round: u64) -> Result<Vec<Measured>> {
        let Some(program) = pgbench() else {
            say("no pgbench: its floors are left out");
            return Ok(Vec::new());
        };
        let mut cells = Vec::new();
        for (variant, rows) in [("single row", 1), ("ANY of 16", 16), ("ANY of 64", 64)] {
            let [ids, reads] = self.scripts(rows);
            let alone = self.transactions(&program, &ids, Self::IDS_ALONE).await?;
            let all = ids + &reads;
            let both = self
                .transactions(&program, &all, self.extent.lasting)
                .await?;
            let sample = Self::SAMPLE as f64;
            let postgres_us = (both.postgres_us - alone.postgres_us).max(0.0) / sample;
            cells.push(Measured {
                users: self.stand.users,
                workload: "W3".to_owned(),
                variant: variant.to_owned(),
                system: "pgbench".to_owned(),
                round,
                connections: Self::CLIENTS,
                requests: whole(both.done * sample),
                requests_per_second: without(both.per_second, alone.per_second) * sample,
                postgres_us,
                total_us: postgres_us,
                generator_us: (both.generator_us - alone.generator_us).max(0.0) / sample,
                ..Measured::default()
            });
        }
        Ok(cells)
    }

    async fn transactions(
        &self,
        program: &Path,
        text: &str,
        lasting: Duration,
    ) -> Result<Transactions> {
        let script = self.stand.folder("pgbench")?.join("transaction.sql");
        std::fs::write(&script, text)?;
        let (postgres, generator) = (self.stand.postgres().used()?, cpu::of_ended_children()?);
        let output = Command::new(program)
            .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
            .arg(format!("--client={}", Self::CLIENTS))
            .arg(format!("--time={}", lasting.as_secs().max(1)))
            .arg("--file")
            .arg(&script)
            .args(["--host=127.0.0.1", "--username=postgres"])
            .arg(format!("--port={}", self.stand.port()))
            .arg("postgres")
            .stdin(Stdio::null())
            .output()
            .await?;
        let postgres = self.stand.postgres().used()?.saturating_sub(postgres);
        let generator = cpu::of_ended_children()?.saturating_sub(generator);
        let printed = String::from_utf8_lossy(&output.stdout);
        let done = number(&printed, "number of transactions actually processed: ")
            .ok_or_else(|| format!("pgbench: {}", String::from_utf8_lossy(&output.stderr)))?;
        let each = |time: Duration| time.as_secs_f64() * 1e6 / done.max(1.0);
        Ok(Transactions {
            done,
            per_second: number(&printed, "tps = ").unwrap_or_default(),
            postgres_us: each(postgres),
            generator_us: each(generator),
        })
    }

    /// The two halves of a transaction: it learns 64 ids, and reads their rows, so many a statement.
    fn scripts(&self, rows: usize) -> [String; 2] {
        let samples = (self.stand.ids.len() / Self::SAMPLE).clamp(1, 4_000);
        let parts: Vec<_> = (0..Self::SAMPLE / rows)
            .map(|part| {
                let (from, to) = (part * rows + 1, (part + 1) * rows);
                if rows == 1 {
                    format!("ids[{from}] AS i{part}")
                } else {
                    format!("ids[{from}:{to}] AS i{part}")
                }
            })
            .collect();
        let columns = parts.join(", ");
        let ids = format!(
            "\\set n random(0, {})\nSELECT {columns} FROM bench.samples WHERE n = :n \\gset\n",
            samples - 1
        );
        let mut reads = String::new();
        for part in 0..parts.len() {
            let condition = if rows == 1 {
                format!("id = :i{part}")
            } else {
                format!("id = ANY(:i{part})")
            };
            // Writing to a String cannot fail.
            let _ = writeln!(reads, "SELECT {COLUMNS} FROM users WHERE {condition};");
        }
        [ids, reads]
    }

    /// GET of 355 octets over 64 connections. Nothing where `redis-benchmark` is missing.
    pub(crate) async fn redis(&self, round: u64) -> Result<Vec<Measured>> {
        let server = RedisServer::try_start(&[])?;
        let run = async |test: &str, requests: u64| {
            Command::new("redis-benchmark")
                .args(["-h", "127.0.0.1", "-t", test, "-d", "355", "--csv"])
                .args(["-r", &Self::KEYS.to_string()])
                .args(["-p", &server.addr().port().to_string()])
                .args(["-c", &self.extent.connections.to_string()])
                .args(["-n", &requests.to_string()])
                .stdin(Stdio::null())
                .output()
                .await
        };
        // Keys are drawn: twenty times as many leave none out, and an absent one is no answer.
        let Ok(_) = run("set", 20 * Self::KEYS).await else {
            say("no redis-benchmark: its floor is left out");
            return Ok(Vec::new());
        };
        let (redis, generator) = (Tree(server.pid()).used()?, cpu::of_ended_children()?);
        let requests = 50_000 * self.extent.lasting.as_secs().max(1);
        let output = run("get", requests).await?;
        let redis = Tree(server.pid()).used()?.saturating_sub(redis);
        let generator = cpu::of_ended_children()?.saturating_sub(generator);
        let printed = String::from_utf8_lossy(&output.stdout);
        let per_second = printed
            .lines()
            .find_map(|line| {
                line.strip_prefix("\"GET\",\"")?
                    .split('"')
                    .next()?
                    .parse()
                    .ok()
            })
            .ok_or_else(|| format!("redis-benchmark: {printed}"))?;
        let each = |time: Duration| time.as_secs_f64() * 1e6 / requests as f64;
        Ok(vec![Measured {
            users: self.stand.users,
            workload: "W1".to_owned(),
            variant: "GET".to_owned(),
            system: "redis-benchmark".to_owned(),
            round,
            connections: self.extent.connections,
            requests,
            requests_per_second: per_second,
            redis_us: each(redis),
            total_us: each(redis),
            generator_us: each(generator),
            ..Measured::default()
        }])
    }
}

/// How many a second a half of a transaction would be, by how many the whole is and the other half.
fn without(both: f64, other: f64) -> f64 {
    1.0 / (1.0 / both - 1.0 / other).max(f64::MIN_POSITIVE)
}

/// It comes with the server, or with its client on PATH.
fn pgbench() -> Option<PathBuf> {
    let beside = find_postgres().ok().map(|folder| folder.join("pgbench"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<_> = std::env::split_paths(&path)
        .map(|folder| folder.join("pgbench"))
        .collect();
    beside
        .into_iter()
        .chain(on_path)
        .find(|program| program.is_file())
}

fn number(printed: &str, before: &str) -> Option<f64> {
    let line = printed.lines().find_map(|line| line.strip_prefix(before))?;
    line.split([' ', '/']).next()?.parse().ok()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of this size are exact"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_of_a_half_is_told_from_the_whole() {
        assert!((without(1.0, 2.0) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn pgbench_is_read() {
        let printed = "number of transactions actually processed: 1234/5\ntps = 61.5 (without)\n";
        assert_eq!(number(printed, "tps = "), Some(61.5));
        let done = number(printed, "number of transactions actually processed: ");
        assert_eq!(done, Some(1_234.0));
    }
}
