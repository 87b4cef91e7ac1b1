use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
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

const PORT_TRIES: u32 = 10;
const RESTART_TRIES: u32 = 50;
const RESTART_PAUSE: Duration = Duration::from_millis(50);

/// A private Redis (or Valkey) server on a loopback port, without persistence: a restart loses all keys.
///
/// Dropping it ends it. All methods may be called from any thread.
#[derive(Clone)]
pub struct RedisServer(Arc<Inner>);

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
        let process = PrivateProcess::new(program, user.temporary_folder("roster-redis-")?)?;
        let extra = extra_args.iter().map(OsString::from).collect();
        let server = Inner {
            process,
            extra,
            port: AtomicU16::new(0),
        };
        server.start_on_a_free_port()?;
        Ok(Self(Arc::new(server)))
    }

    /// `redis://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("redis://{}", self.addr())
    }

    /// Where it listens; restarts keep it.
    pub fn addr(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.0.port.load(Ordering::Relaxed)))
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
        on_a_thread(move || server.restart()).await?
    }
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

    fn restart(&self) -> Result<(), ServiceError> {
        self.process.stop();
        for _ in 1..RESTART_TRIES {
            match self.process.start(&self.arguments()) {
                // An outgoing connection may sit on the port for a moment.
                Err(ServiceError::DidNotStart { .. }) => thread::sleep(RESTART_PAUSE),
                result => return result,
            }
        }
        self.process.start(&self.arguments())
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
        ];
        plain
            .iter()
            .map(OsString::from)
            .chain(self.extra.iter().cloned())
            .collect()
    }
}
