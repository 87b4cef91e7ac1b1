use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::Result;

/// How the binary is started, again and again.
#[derive(Clone)]
pub(crate) struct Launch {
    pub(crate) binary: PathBuf,
    pub(crate) env: Vec<(String, String)>,
}

/// One running service.
pub(crate) struct Roster {
    child: Child,
    pub(crate) base: String,
    pub(crate) metrics: String,
    /// A token that opens everything.
    pub(crate) token: String,
    /// Everything that it wrote to its log so far.
    log: Arc<Mutex<Vec<String>>>,
}

/// Every scope that there is.
const EVERYTHING: &str = "users:read users:write users:admin feeds:write ops";

impl Launch {
    /// The same, with more in its environment.
    pub(crate) fn with(&self, settings: &[(&str, &str)]) -> Self {
        let mut launch = self.clone();
        let settings = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        launch.env.extend(settings);
        launch
    }

    /// Starts the service on free ports and waits until it is ready.
    pub(crate) async fn serve(&self) -> Result<Roster> {
        let mut last = String::new();
        // A port that was free may be taken a moment later.
        for _ in 0..5 {
            let (port, metrics) = (free_port()?, free_port()?);
            let mut child = self
                .command(&["serve"])
                .env("ROSTER_LISTEN", format!("127.0.0.1:{port}"))
                .env("ROSTER_METRICS_LISTEN", format!("127.0.0.1:{metrics}"))
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()?;
            let log = follow(&mut child);
            let roster = Roster {
                child,
                base: format!("http://127.0.0.1:{port}"),
                metrics: format!("http://127.0.0.1:{metrics}/metrics"),
                token: String::new(),
                log,
            };
            match roster.ready().await {
                Ok(roster) => {
                    let token = self.token("acceptance", EVERYTHING).await?;
                    return Ok(Roster { token, ..roster });
                }
                Err(log) => last = log,
            }
        }
        Err(format!("the service did not become ready: {last}").into())
    }

    /// Runs a command of the binary to its end; its own output goes to this process's.
    pub(crate) async fn run(&self, args: &[&str]) -> Result<()> {
        let status = self.command(args).status().await?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("roster {} ended with {status}", args.join(" ")).into())
        }
    }

    /// What `roster token` prints for a user or a service; without scopes, what a user may do
    /// with itself.
    pub(crate) async fn token(&self, subject: &str, scopes: &str) -> Result<String> {
        let mut args = vec!["token", "--sub", subject, "--ttl", "1d"];
        if !scopes.is_empty() {
            args.extend(["--scope", scopes]);
        }
        let output = self.command(&args).output().await?;
        let printed = String::from_utf8(output.stdout)?;
        match printed.lines().last() {
            Some(token) if output.status.success() => Ok(token.to_owned()),
            _ => Err(String::from_utf8_lossy(&output.stderr).into_owned().into()),
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(args).stdin(Stdio::null()).kill_on_drop(true);
        for (name, _) in std::env::vars().filter(|(name, _)| {
            name.starts_with("ROSTER_")
                || ["DATABASE_URL", "REDIS_URL", "RUST_LOG"].contains(&name.as_str())
        }) {
            command.env_remove(name);
        }
        command.envs(self.env.iter().cloned());
        command
    }
}

impl Roster {
    async fn ready(mut self) -> Result<Self, String> {
        for _ in 0..200 {
            if let Ok(answer) = reqwest::get(format!("{}/readyz", self.base)).await
                && answer.status().is_success()
            {
                return Ok(self);
            }
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(self.lines().join("\n"))
    }

    /// The lines of the log so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.log.lock().map(|log| log.clone()).unwrap_or_default()
    }

    /// Ends it at once, as a crash would.
    pub(crate) async fn kill(mut self) -> Result<()> {
        self.child.kill().await?;
        Ok(())
    }
}

fn follow(child: &mut Child) -> Arc<Mutex<Vec<String>>> {
    let log = Arc::new(Mutex::new(Vec::new()));
    if let Some(stderr) = child.stderr.take() {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            let mut lines = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if let Ok(mut log) = log.lock() {
                    log.push(line);
                }
            }
        });
    }
    log
}

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?
        .local_addr()?
        .port())
}

/// A line for whoever watches.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// An absolute path, so that a child may run elsewhere.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf> {
    std::fs::canonicalize(path).map_err(|error| {
        format!(
            "{}: {error}; build it with `cargo build --release`",
            path.display()
        )
        .into()
    })
}
