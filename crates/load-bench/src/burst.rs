//! W7: many requests at one moment for one user whom no cache has.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Barrier;

use crate::Result;
use crate::measured::{Measured, median};
use crate::open_loop::Connection;
use crate::requests::{Request, different};
use crate::stand::Stand;
use crate::system::System;

const CONNECTIONS: u32 = 500;
/// In one measurement.
pub(crate) const BURSTS: usize = 5;

/// Several bursts, each for another user: how long the last answer took, and the queries of all.
#[expect(clippy::disallowed_methods, reason = "a measurement of real time")]
pub(crate) async fn run(stand: &Stand, system: &System, round: u64) -> Result<Measured> {
    let users = different(&stand.ids, BURSTS, 1_000 + round);
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(Connection::open(system).await?);
    }
    stand.reset_statements().await?;
    let mut lasts = Vec::new();
    let mut failed = 0;
    for id in users {
        let barrier = Arc::new(Barrier::new(connections.len() + 1));
        let mut tasks = Vec::new();
        for mut connection in connections {
            let barrier = Arc::clone(&barrier);
            tasks.push(tokio::spawn(async move {
                barrier.wait().await;
                let ok = connection.send(&Request::user(id)).await;
                (connection, ok)
            }));
        }
        barrier.wait().await;
        let started = Instant::now();
        connections = Vec::new();
        for task in tasks {
            let (connection, ok) = task.await?;
            failed += u64::from(!ok);
            connections.push(connection);
        }
        lasts.push(started.elapsed());
    }
    // PostgreSQL counts a statement when it has ended.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let queries = stand.user_reads().await?;
    let last = median(lasts.iter().map(Duration::as_secs_f64).collect());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "microseconds of a short time"
    )]
    let micros = (last * 1e6) as u64;
    Ok(Measured {
        users: stand.users,
        workload: "W7".to_owned(),
        variant: format!("{CONNECTIONS} at once"),
        system: system.name.clone(),
        round,
        connections: CONNECTIONS,
        requests: u64::from(CONNECTIONS) * BURSTS as u64,
        max_us: micros,
        failed,
        queries: Some(queries),
        ..Measured::default()
    })
}
