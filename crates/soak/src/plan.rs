use std::time::Duration;

use crate::{FaultKind, Faults};

/// How long a run is and what breaks in it.
pub struct Plan {
    /// How many processes.
    pub nodes: usize,
    /// How many users are read and written.
    pub keys: usize,
    /// How many clients.
    pub clients: usize,
    /// After how many operations it ends.
    pub operations: u64,
    /// After how long it ends, whichever is first.
    pub limit: Duration,
    /// How long a client rests after an operation.
    pub pause: Duration,
    /// More of Redis's command line.
    pub redis: Vec<&'static str>,
    /// What breaks.
    pub faults: Faults,
}

impl Plan {
    /// Three processes, and all faults at random.
    pub fn all(operations: u64, limit: Duration, seed: u64) -> Self {
        Self {
            nodes: 3,
            keys: 12,
            clients: 24,
            operations,
            limit,
            pause: Duration::ZERO,
            redis: Vec::new(),
            faults: Faults::of(&FaultKind::ALL, seed),
        }
    }

    /// Only faults in which Redis loses whole keys at the most: then each process is held to
    /// what it acknowledged itself, whatever its answers say of their age.
    pub fn kept(operations: u64, limit: Duration, seed: u64) -> Self {
        let mut plan = Self::all(operations, limit, seed);
        plan.faults.kinds.retain(|kind| !kind.forgets());
        plan
    }

    /// `CLIENT KILL` of one process's connection every 50 ms, `SCRIPT FLUSH` every second, and a
    /// tracking table of one key.
    pub fn kills(limit: Duration, seed: u64) -> Self {
        let mut plan = Self::all(u64::MAX, limit, seed);
        plan.redis = vec!["--tracking-table-max-keys", "1"];
        plan.faults = Faults {
            rest: Duration::from_millis(50)..Duration::from_millis(51),
            quiet_after: 0,
            ..Faults::of(&[FaultKind::ClientKilled; 19], seed)
        };
        plan.faults.kinds.push(FaultKind::ScriptsFlushed);
        plan
    }
}
