use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::Result;
use crate::access::key_file;

/// How one process differs from another.
#[derive(Clone, Debug, Default)]
pub struct NodeOptions {
    /// Where it finds PostgreSQL.
    pub database_url: String,
    /// Where it finds Redis.
    pub redis_url: String,
    /// More flags of the command line.
    pub flags: Vec<String>,
    /// More of the environment.
    pub env: Vec<(String, String)>,
}

/// One running `roster`. Dropped, it is killed.
pub struct Node {
    child: Child,
    lines: Mutex<Receiver<String>>,
    address: SocketAddr,
    metrics: SocketAddr,
}

/// Longer than a start takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

impl Node {
    /// Starts the binary on free ports and waits until it says that it is ready.
    pub fn start(binary: &Path, folder: &Path, options: &NodeOptions) -> Result<Self> {
        let key = key_file(folder)?;
        let mut child = command(binary, folder)
            .env("ROSTER_AUTH_LOCAL_KEY", key)
            .args(["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"])
            .args(["--log-format", "json", "--http-drain-grace", "0s"])
            .args(["--database-url", &options.database_url])
            .args(["--redis-url", &options.redis_url])
            .args(&options.flags)
            .envs(options.env.iter().cloned())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child.stderr.take().ok_or("no stderr")?;
        let lines = lines(stderr);
        let mut said = Vec::new();
        loop {
            let Ok(line) = lines.recv_timeout(PATIENCE) else {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("no start: {}", said.join("\n")).into());
            };
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if event["message"] == "ready" {
                let of = |name: &str| -> Result<SocketAddr> {
                    Ok(event[name].as_str().ok_or("no address")?.parse()?)
                };
                let (address, metrics) = (of("listen")?, of("metrics_listen")?);
                return Ok(Self {
                    child,
                    lines: Mutex::new(lines),
                    address,
                    metrics,
                });
            }
            said.push(line);
        }
    }

    /// Where its API is.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its metrics are.
    pub const fn metrics_address(&self) -> SocketAddr {
        self.metrics
    }

    /// How much memory it has just now, in KiB, where `/proc` tells.
    pub fn resident_kib(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|rest| rest.split_whitespace().next());
        Ok(number.ok_or("no VmRSS")?.parse()?)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`. Returns when it is gone.
    pub fn kill(&mut self) {
        // Fails when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// What it logged since the last time this was asked.
    pub fn said(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.try_iter().collect()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The binary with nothing of the surroundings in its settings.
pub(crate) fn command(binary: &Path, folder: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        let shared = ["DATABASE_URL", "REDIS_URL", "RUST_LOG"];
        let foreign = shared.iter().any(|shared| name == *shared);
        if foreign || name.to_string_lossy().starts_with("ROSTER_") {
            command.env_remove(name);
        }
    }
    command.current_dir(folder).stdin(Stdio::null());
    command
}

fn lines(stream: ChildStderr) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream)
            .lines()
            .map_while(std::result::Result::ok)
        {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
