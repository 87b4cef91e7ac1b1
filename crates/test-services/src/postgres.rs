use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::ServiceError;
use crate::binaries::find_postgres;
use crate::private_process::{PrivateProcess, Program};
use crate::run_user::RunUser;

const PORT_TRIES: u32 = 10;
const RESTART_TRIES: u32 = 50;
const RESTART_PAUSE: Duration = Duration::from_millis(100);

/// How a private PostgreSQL differs from a plain one.
#[derive(Debug, Clone, Default)]
pub struct PostgresOptions {
    /// Whether commits reach the disk. Off makes tests faster; benchmarks and crash tests need it on.
    pub fsync: bool,
    /// Loads `pg_stat_statements`, so that `CREATE EXTENSION pg_stat_statements` works.
    pub preload_pg_stat_statements: bool,
    /// More settings, as in `postgresql.conf`: name and value.
    pub settings: Vec<(String, String)>,
    /// Keeps the data in this folder, and starts on what an earlier server left there. It must be
    /// one that the server's account can reach; two servers at once are refused by PostgreSQL.
    pub kept_in: Option<PathBuf>,
}

/// A private PostgreSQL server on a loopback port, with trust authentication and the superuser `postgres`.
///
/// Dropping it ends it and removes its data, unless [`PostgresOptions::kept_in`] says otherwise. All methods may be called from any thread.
#[derive(Clone)]
pub struct PostgresServer(Arc<Inner>);

struct Inner {
    process: PrivateProcess,
    data: PathBuf,
    options: PostgresOptions,
    port: AtomicU16,
}

impl PostgresServer {
    /// Makes a new cluster (about a second) and starts it. Blocks until it accepts connections.
    pub fn start(options: PostgresOptions) -> Result<Self, ServiceError> {
        let binaries = find_postgres()?;
        let user = RunUser::never_root();
        let folder = user.temporary_folder("roster-postgres-")?;
        let data = match &options.kept_in {
            Some(kept) => {
                user.own_folder(kept)?;
                kept.join("data")
            }
            None => folder.path().join("data"),
        };
        if !data.join("PG_VERSION").exists() {
            make_cluster(&binaries, &data, folder.path(), user)?;
        }
        let program = Program {
            name: "postgres",
            path: binaries.join("postgres"),
            user,
            ready: "database system is ready to accept connections",
            stop: Signal::INT,
            abort: Signal::QUIT,
            abort_name: "QUIT",
        };
        let process = PrivateProcess::new(program, folder)?;
        let server = Inner {
            process,
            data,
            options,
            port: AtomicU16::new(0),
        };
        server.start_on_a_free_port()?;
        Ok(Self(Arc::new(server)))
    }

    /// The URL of database `db` for the superuser.
    pub fn url(&self, db: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{db}", self.port())
    }

    /// The port on 127.0.0.1; restarts keep it.
    pub fn port(&self) -> u16 {
        self.0.port.load(Ordering::Relaxed)
    }

    /// The process id of the postmaster; 0 while it does not run.
    pub fn pid(&self) -> u32 {
        self.0.process.pid()
    }

    /// Freezes the server and every connection it serves: sockets stay open, nothing answers.
    pub fn pause(&self) {
        self.0.process.signal(Signal::STOP, true);
    }

    /// Ends [`PostgresServer::pause`].
    pub fn resume(&self) {
        self.0.process.signal(Signal::CONT, true);
    }

    /// `kill -9` of all its processes. Returns when they are gone.
    pub fn kill(&self) {
        self.0.process.kill();
    }

    /// Starts the server again on its old port and data; one that runs is stopped first, in order.
    pub async fn restart(&self) -> Result<(), ServiceError> {
        let server = Arc::clone(&self.0);
        on_a_thread(move || server.restart()).await?
    }

    /// Stops the server in order (a "fast" shutdown). Its data stays for [`PostgresServer::restart`].
    pub async fn stop(&self) -> Result<(), ServiceError> {
        let server = Arc::clone(&self.0);
        on_a_thread(move || server.process.stop()).await
    }
}

impl Inner {
    /// Another process may take a free port before the server does; then the next one is tried.
    fn start_on_a_free_port(&self) -> Result<(), ServiceError> {
        let mut tries = 1;
        loop {
            let port = free_port()?;
            self.port.store(port, Ordering::Relaxed);
            match self.process.start(&self.arguments()) {
                Err(ServiceError::DidNotStart { output, .. })
                    if output.contains("\"pg_stat_statements\"") =>
                {
                    return Err(ServiceError::MissingExtension {
                        name: "pg_stat_statements",
                    });
                }
                Err(ServiceError::DidNotStart { output, .. })
                    if tries < PORT_TRIES && output.contains("TCP/IP sockets") =>
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
                // After a kill, the old server's children may need a moment to leave its shared memory.
                Err(ServiceError::DidNotStart { .. }) => thread::sleep(RESTART_PAUSE),
                result => return result,
            }
        }
        self.process.start(&self.arguments())
    }

    fn arguments(&self) -> Vec<OsString> {
        let durable = if self.options.fsync { "on" } else { "off" };
        let mut settings = vec![
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("port", self.port.load(Ordering::Relaxed).to_string()),
            // The path of a socket in a temporary folder can be longer than the 107 bytes a socket may have.
            ("unix_socket_directories", String::new()),
            ("fsync", durable.to_owned()),
            ("synchronous_commit", durable.to_owned()),
            ("full_page_writes", durable.to_owned()),
        ];
        if self.options.preload_pg_stat_statements {
            settings.push(("shared_preload_libraries", "pg_stat_statements".to_owned()));
        }
        let given = self
            .options
            .settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()));
        let mut arguments = vec![OsString::from("-D"), self.data.clone().into_os_string()];
        for (name, value) in settings.into_iter().chain(given) {
            arguments.push(OsString::from("-c"));
            arguments.push(OsString::from(format!("{name}={value}")));
        }
        arguments
    }
}

fn make_cluster(
    binaries: &Path,
    data: &Path,
    working: &Path,
    user: RunUser,
) -> Result<(), ServiceError> {
    let mut initdb = Command::new(binaries.join("initdb"));
    initdb
        .args([
            "--no-sync",
            "-A",
            "trust",
            "-U",
            "postgres",
            "--locale=C",
            "-E",
            "UTF8",
            "-D",
        ])
        .arg(data)
        .current_dir(working);
    user.apply(&mut initdb);
    let made = initdb.output().map_err(ServiceError::io("run initdb"))?;
    if !made.status.success() {
        let output = String::from_utf8_lossy(&made.stderr)
            .trim()
            .replace('\n', " | ");
        return Err(ServiceError::DidNotStart {
            program: "initdb",
            output,
        });
    }
    Ok(())
}

/// A port that nobody listens on right now.
pub(crate) fn free_port() -> Result<u16, ServiceError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(ServiceError::io("find a free port"))
}

/// Waiting for a server must not stop the tasks of the test that waits.
pub(crate) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ServiceError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(std::io::Error::other)
        .map_err(ServiceError::io("wait for a private server"))
}
