//! Many clients of one process that read or change many users.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use roster_soak::{Answer, Client, Query};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::Result;

/// Clients at once.
const CLIENTS: usize = 16;
/// Users that a client reads before it reads them once more.
const STRETCH: usize = 64;
/// The first read loads a user into Redis, the second into memory, and the third makes what is kept
/// beside it.
const TURNS: usize = 3;

/// What was read, once for each user.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReadBodies {
    pub(crate) users: u64,
    pub(crate) octets: u64,
}

impl ReadBodies {
    pub(crate) fn mean(self) -> f64 {
        self.octets as f64 / self.users.max(1) as f64
    }

    pub(crate) const fn add(&mut self, other: Self) {
        self.users += other.users;
        self.octets += other.octets;
    }
}

/// Reads each of these users so often that all that is kept of it is there.
pub(crate) async fn read(address: SocketAddr, ids: &[Uuid]) -> Result<ReadBodies> {
    let shares = ids.chunks(ids.len().div_ceil(CLIENTS).max(1));
    let mut tasks = JoinSet::new();
    for share in shares {
        let share = share.to_vec();
        tasks.spawn(async move {
            let mut client = Client::new(address);
            let mut bodies = ReadBodies::default();
            for stretch in share.chunks(STRETCH) {
                for turn in 1..=TURNS {
                    for id in stretch {
                        let answer = patiently(&mut client, *id, None).await?;
                        if turn == 1 {
                            bodies.users += 1;
                            bodies.octets += answer.body.len() as u64;
                        }
                    }
                }
            }
            Result::<ReadBodies>::Ok(bodies)
        });
    }
    let mut all = ReadBodies::default();
    while let Some(bodies) = tasks.join_next().await {
        all.add(bodies??);
    }
    Ok(all)
}

/// A value that no user has had in any run: to be given what one has is no change.
pub(crate) fn new_value() -> u64 {
    rand::random::<u64>() >> 16
}

/// Changes each of these users once, over half as many clients.
pub(crate) async fn change(address: SocketAddr, ids: &[Uuid]) -> Result<()> {
    let value = new_value();
    let ids: Arc<[Uuid]> = ids.into();
    let mut tasks = JoinSet::new();
    for first in 0..CLIENTS / 2 {
        let ids = Arc::clone(&ids);
        tasks.spawn(async move {
            let mut client = Client::new(address);
            for id in ids.iter().skip(first).step_by(CLIENTS / 2) {
                patiently(&mut client, *id, Some(value)).await?;
            }
            Result::<()>::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

/// Reads a user, or gives it a value; asks again where the service says that it has too much to
/// do, as a client would.
async fn patiently(client: &mut Client, id: Uuid, value: Option<u64>) -> Result<Answer> {
    const PAUSE: Duration = Duration::from_millis(100);
    for _ in 0..100 {
        let answer = match value {
            None => client.read(id, Query::default()).await?,
            Some(value) => client.write(id, value).await?,
        };
        match answer.status {
            200 => return Ok(answer),
            503 | 504 => tokio::time::sleep(PAUSE).await,
            status => return Err(format!("user {id} was answered with {status}").into()),
        }
    }
    Err(format!("user {id} was refused a hundred times").into())
}
