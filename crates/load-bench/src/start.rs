//! How long a start takes, from the execution of the binary to its first answer, and what the
//! process holds when it has nothing to do.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use roster_test_services::RedisServer;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::Result;
use crate::cpu::Tree;
use crate::figures::{Case, Figure};
use crate::measured::median;
use crate::progress::say;
use crate::stand::Stand;
use crate::system::free_address;

/// As `--only` names it.
pub(crate) const NAME: &str = "start";
pub(crate) const FRESH: &str = "embedded, fresh folder";
pub(crate) const FIRST_ANSWER: &str = "first answer";
pub(crate) const IDLE: &str = "resident when idle";

/// Starts of one case in one round; the figure is their median.
const STARTS: usize = 5;
/// Far more than a start takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_micros(200);
/// After so long without a request a process counts as idle.
const REST: Duration = Duration::from_secs(1);

/// A process that answers; ended when this is dropped.
struct Started {
    child: Child,
    took: Duration,
}

impl Drop for Started {
    fn drop(&mut self) {
        // Fails when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Every case in every round.
pub(crate) async fn run(stand: &Stand, binary: &Path, rounds: u64) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let redis = RedisServer::try_start(&[])?;
    let stores = [
        "--database-url".to_owned(),
        stand.database_url(),
        "--redis-url".to_owned(),
        redis.url(),
    ];
    for round in 1..=rounds {
        let again = tempfile::tempdir()?;
        drop(start(binary, again.path(), &[]).await?);
        let cases: [(&str, Option<&TempDir>, &[String]); 3] = [
            (FRESH, None, &[]),
            ("embedded, again", Some(&again), &[]),
            ("PostgreSQL and Redis", Some(&again), &stores),
        ];
        for (name, kept, flags) in cases {
            let case = Case {
                users: stand.users,
                experiment: NAME,
                name,
                round,
            };
            let (took, resident) = several(binary, kept.map(TempDir::path), flags).await?;
            say(&format!(
                "{NAME} {name}, round {round}: {took:.1} ms, {resident:.1} MB idle"
            ));
            figures.push(case.figure(FIRST_ANSWER, "ms", took));
            figures.push(case.figure(IDLE, "MB", resident));
        }
    }
    Ok(figures)
}

/// Milliseconds of the middle one of some starts, and megabytes of the last one when it rests.
async fn several(binary: &Path, kept: Option<&Path>, flags: &[String]) -> Result<(f64, f64)> {
    let mut took = Vec::new();
    let mut resident = 0;
    for number in 1..=STARTS {
        let fresh = tempfile::tempdir()?;
        let started = start(binary, kept.unwrap_or(fresh.path()), flags).await?;
        took.push(started.took.as_secs_f64() * 1e3);
        if number == STARTS {
            tokio::time::sleep(REST).await;
            resident = Tree(started.child.id()).resident()?;
        }
    }
    Ok((median(took), resident as f64 / 1e6))
}

async fn start(binary: &Path, folder: &Path, flags: &[String]) -> Result<Started> {
    let address = free_address()?;
    let mut command = Command::new(binary);
    command
        .env_clear()
        .current_dir(folder)
        .args(["--listen", &address.to_string()])
        .args(["--metrics-listen", "127.0.0.1:0"])
        .args(flags)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let named: PathBuf = binary.to_owned();
    let started = spawn_blocking(move || execute(command, address)).await?;
    started.map_err(|error| format!("{}: {error}", named.display()).into())
}

/// Executes and asks again and again, until it is ready.
#[expect(clippy::disallowed_methods, reason = "a measurement of real time")]
fn execute(mut command: Command, address: SocketAddr) -> Result<Started> {
    let begun = Instant::now();
    let mut started = Started {
        child: command.spawn()?,
        took: Duration::ZERO,
    };
    loop {
        let ready = is_ready(address);
        started.took = begun.elapsed();
        if ready {
            return Ok(started);
        }
        if let Some(status) = started.child.try_wait()? {
            return Err(format!("it ended with {status}").into());
        }
        if started.took > PATIENCE {
            return Err("it does not answer".into());
        }
        std::thread::sleep(PAUSE);
    }
}

/// Whether something answers there that it has all it needs.
fn is_ready(address: SocketAddr) -> bool {
    let asked = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // In one piece: `write!` sends each part by itself.
        let request =
            format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok(answer == *b"HTTP/1.1 200")
    };
    asked().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use roster_test_services::refusing;

    use super::*;

    fn answering(line: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // All of it: what is left unread resets the connection, and the answer with it.
            let mut asked = Vec::new();
            let mut part = [0; 1_024];
            while !asked.ends_with(b"\r\n\r\n") {
                let read = stream.read(&mut part).unwrap();
                assert!(read > 0, "the request has no end");
                asked.extend_from_slice(&part[..read]);
            }
            stream.write_all(line.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn only_what_has_all_it_needs_is_ready() {
        assert!(is_ready(answering("HTTP/1.1 200 OK\r\n\r\n")));
        assert!(!is_ready(answering(
            "HTTP/1.1 503 Service Unavailable\r\n\r\n"
        )));
        let nobody = refusing(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        assert!(!is_ready(nobody.local_addr().unwrap()));
    }

    #[test]
    fn a_program_that_ends_is_no_start() {
        let nobody = refusing(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let ended = execute(Command::new("true"), nobody.local_addr().unwrap());
        assert!(ended.is_err());
    }
}
