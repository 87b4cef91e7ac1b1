use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::ServiceError;
use crate::binaries::find_redis;
use crate::postgres::{free_port, on_a_thread};
use crate::private_process::{PrivateProcess, Program};
use crate::run_user::RunUser;
use crate::skip::or_skip;

mod commands;

const PORT_TRIES: u32 = 10;
const RESTART_TRIES: u32 = 50;
const RESTART_PAUSE: Duration = Duration::from_millis(50);
const SYNC_POLL: Duration = Duration::from_millis(5);
const SYNC_POLLS: u32 = 4_000;
/// Where the server looks for its data when it starts, in its own folder.
const DUMP_FILE: &str = "dump.rdb";

/// A private Redis (or Valkey) server on a loopback port, without persistence: a restart loses all keys, unless it is
/// [`RedisServer::restart_from`] a dump.
///
/// Dropping it ends it. All methods may be called from any thread.
#[derive(Clone)]
pub struct RedisServer(Arc<Inner>);

/// The data of a server as it once was.
#[derive(Clone)]
pub struct Dump(Arc<[u8]>);

struct Inner {
    process: PrivateProcess,
    extra: Vec<OsString>,
    port: AtomicU16,
}

impl RedisServer {
    /// A server with plain settings; `None` when there is none to be had, by the rule of [`or_skip`].
    pub fn start() -> Option<Self> {
        or_skip(Self::try_start(&[]))
    }

    /// A server with more command-line arguments, such as `["--maxmemory", "1mb"]`. Blocks until it is ready.
    pub fn try_start(extra_args: &[&str]) -> Result<Self, ServiceError> {
        Self::try_start_in(extra_args, &[])
    }

    /// The same, with more in its environment, such as another clock (see [`find_faketime`](crate::find_faketime)).
    pub fn try_start_in(
        extra_args: &[&str],
        environment: &[(String, String)],
    ) -> Result<Self, ServiceError> {
        let user = RunUser::ourselves();
        let program = Program {
            name: "redis-server",
            path: find_redis()?,
            user,
            ready: "Ready to accept connections",
            stop: Signal::TERM,
            abort: Signal::KILL,
            abort_name: "KILL",
        };
        let process = PrivateProcess::new(program, user.temporary_folder("roster-redis-")?)?
            .in_environment(environment.to_vec());
        let extra = extra_args.iter().map(OsString::from).collect();
        let server = Inner {
            process,
            extra,
            port: AtomicU16::new(0),
        };
        server.start_on_a_free_port()?;
        Ok(Self(Arc::new(server)))
    }

    /// A server that replicates `primary` and has all its data; `None` as in [`RedisServer::start`].
    ///
    /// # Panics
    /// When the replica starts and does not get in sync.
    #[expect(
        clippy::expect_used,
        reason = "a test without its replica cannot go on"
    )]
    pub fn start_replica_of(primary: &Self) -> Option<Self> {
        let replica = Self::start()?;
        let synced = replica.0.replicate(primary.addr());
        let synced = synced.and_then(|()| replica.0.wait_until_synced(primary.addr()));
        synced.expect("the replica in sync with its primary");
        Some(replica)
    }

    /// `redis://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("redis://{}", self.addr())
    }

    /// Where it listens; restarts keep it.
    pub fn addr(&self) -> SocketAddr {
        self.0.addr()
    }

    /// Its process id; 0 while it does not run.
    pub fn pid(&self) -> u32 {
        self.0.process.pid()
    }

    /// Freezes the server: sockets stay open, nothing answers.
    pub fn pause(&self) {
        self.0.process.signal(Signal::STOP, false);
    }

    /// Ends [`RedisServer::pause`].
    pub fn resume(&self) {
        self.0.process.signal(Signal::CONT, false);
    }

    /// `kill -9`. Returns when the process is gone.
    pub fn kill(&self) {
        self.0.process.kill();
    }

    /// Starts the server again on its old port, empty; one that runs is stopped first.
    pub async fn restart(&self) -> Result<(), ServiceError> {
        let server = Arc::clone(&self.0);
        on_a_thread(move || server.restart(None)).await?
    }

    /// Begins to replicate `primary`. The server keeps its clients, and drops its data when that of the primary comes.
    pub async fn replicate(&self, primary: &Self) -> Result<(), ServiceError> {
        let (server, primary) = (Arc::clone(&self.0), primary.addr());
        on_a_thread(move || server.replicate(primary)).await?
    }

    /// Waits until this replica has everything that `primary` has now.
    pub async fn wait_until_synced(&self, primary: &Self) -> Result<(), ServiceError> {
        let (server, primary) = (Arc::clone(&self.0), primary.addr());
        on_a_thread(move || server.wait_until_synced(primary)).await?
    }

    /// Makes a replica a primary with the data that it has; the data takes a new replication id.
    pub async fn promote(&self) -> Result<(), ServiceError> {
        let addr = self.addr();
        on_a_thread(move || ask(addr, "promote a replica", &["REPLICAOF", "NO", "ONE"])).await?
    }

    /// The data as it is now.
    pub async fn dump(&self) -> Result<Dump, ServiceError> {
        let (server, addr) = (Arc::clone(&self.0), self.addr());
        on_a_thread(move || {
            save(addr).map_err(ServiceError::io("dump the data of Redis"))?;
            let bytes = fs::read(server.dump_file());
            let bytes = bytes.map_err(ServiceError::io("read the dump of Redis"))?;
            Ok(Dump(bytes.into()))
        })
        .await?
    }

    /// Starts the server again on its old port, with the data of a dump; one that runs is stopped first.
    pub async fn restart_from(&self, dump: &Dump) -> Result<(), ServiceError> {
        let (server, dump) = (Arc::clone(&self.0), dump.clone());
        on_a_thread(move || server.restart(Some(&dump))).await?
    }
}

/// Gives one command whose reply says no more than that it was done.
fn ask(addr: SocketAddr, doing: &'static str, words: &[&str]) -> Result<(), ServiceError> {
    let reply = commands::ask(addr, words);
    reply.map(drop).map_err(ServiceError::io(doing))
}

impl Inner {
    /// Another process may take a free port before the server does; then the next one is tried.
    fn start_on_a_free_port(&self) -> Result<(), ServiceError> {
        let mut tries = 1;
        loop {
            self.port.store(free_port()?, Ordering::Relaxed);
            match self.process.start(&self.arguments()) {
                Err(ServiceError::DidNotStart { output, .. })
                    if tries < PORT_TRIES && output.to_lowercase().contains("listen") =>
                {
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    /// A replica leaves a file of its primary's data behind, so that one goes in any case.
    fn restart(&self, dump: Option<&Dump>) -> Result<(), ServiceError> {
        self.process.stop();
        let file = match dump {
            Some(Dump(bytes)) => fs::write(self.dump_file(), bytes),
            None => match fs::remove_file(self.dump_file()) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                removed => removed,
            },
        };
        file.map_err(ServiceError::io("change the dump of Redis"))?;
        for _ in 1..RESTART_TRIES {
            match self.process.start(&self.arguments()) {
                // An outgoing connection may sit on the port for a moment.
                Err(ServiceError::DidNotStart { .. }) => thread::sleep(RESTART_PAUSE),
                result => return result,
            }
        }
        self.process.start(&self.arguments())
    }

    fn dump_file(&self) -> PathBuf {
        self.process.folder().join(DUMP_FILE)
    }

    fn addr(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port.load(Ordering::Relaxed)))
    }

    fn replicate(&self, primary: SocketAddr) -> Result<(), ServiceError> {
        let (host, port) = (primary.ip().to_string(), primary.port().to_string());
        let command = ["REPLICAOF", &host, &port];
        ask(self.addr(), "make Redis a replica", &command)
    }

    fn wait_until_synced(&self, primary: SocketAddr) -> Result<(), ServiceError> {
        let waited = || -> io::Result<()> {
            let goal = offset(primary, "master_repl_offset")?;
            for _ in 0..SYNC_POLLS {
                let link = commands::info(self.addr(), "replication", "master_link_status")?;
                if link == "up" && offset(self.addr(), "slave_repl_offset")? >= goal {
                    return Ok(());
                }
                thread::sleep(SYNC_POLL);
            }
            Err(io::ErrorKind::TimedOut.into())
        };
        waited().map_err(ServiceError::io("wait for a replica of Redis"))
    }

    fn arguments(&self) -> Vec<OsString> {
        let port = self.port.load(Ordering::Relaxed).to_string();
        let plain = [
            "--bind",
            "127.0.0.1",
            "--port",
            &port,
            "--save",
            "",
            "--appendonly",
            "no",
            "--daemonize",
            "no",
            // A replica would be kept waiting for others to share the copy.
            "--repl-diskless-sync-delay",
            "0",
        ];
        plain
            .iter()
            .map(OsString::from)
            .chain(self.extra.iter().cloned())
            .collect()
    }
}

/// Writes the data down. A replica that has just got its copy may leave the process that made it behind for a moment,
/// and the server saves one at a time.
fn save(addr: SocketAddr) -> io::Result<()> {
    for _ in 0..SYNC_POLLS {
        match commands::ask(addr, &["SAVE"]) {
            Err(refusal) if refusal.to_string().contains("save already in progress") => {
                thread::sleep(SYNC_POLL);
            }
            done => return done.map(drop),
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// How far a server's replication got, in octets.
fn offset(addr: SocketAddr, field: &str) -> io::Result<u64> {
    let offset = commands::info(addr, "replication", field)?;
    offset.parse().map_err(io::Error::other)
}
