//! Starts the binary, reads what it says, and ends it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longer than anything takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A client that was held up for longer before its request was out may find its connection closed:
/// a server that stops takes it for unused.
pub(crate) const HELD_UP: Duration = Duration::from_millis(200);

/// The real time.
#[expect(clippy::disallowed_methods, reason = "a measurement of real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The binary with nothing of the surroundings in its settings.
pub(crate) fn roster(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roster"));
    for (name, _) in std::env::vars_os() {
        let foreign = ["DATABASE_URL", "REDIS_URL", "RUST_LOG"]
            .iter()
            .any(|shared| name == *shared);
        if foreign || name.to_string_lossy().starts_with("ROSTER_") {
            command.env_remove(name);
        }
    }
    command.current_dir(folder).stdin(Stdio::null());
    command
}

pub(crate) fn run(folder: &Path, args: &[&str]) -> Output {
    roster(folder).args(args).output().unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A running server. It is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    lines: Receiver<String>,
    /// What it said until it was ready.
    pub(crate) said_at_start: Vec<String>,
    pub(crate) address: String,
    pub(crate) metrics: Option<String>,
    folder: PathBuf,
    args: Vec<String>,
}

impl Server {
    /// Starts it on free ports, and waits until it says that it is ready.
    pub(crate) fn start(folder: &Path, args: &[&str]) -> Self {
        Self::start_as(roster(folder), folder, args)
    }

    /// The same by a command that runs it in its own way.
    pub(crate) fn start_as(mut command: Command, folder: &Path, args: &[&str]) -> Self {
        let listen = ["--listen", "127.0.0.1:0"];
        let own = args.contains(&listen[0]);
        let mut child = command
            .args(if own { &[] } else { listen.as_slice() })
            .args(["--metrics-listen", "127.0.0.1:0", "--log-format", "json"])
            .args(args)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = lines(child.stderr.take().unwrap());
        let mut server = Self {
            child,
            lines,
            said_at_start: Vec::new(),
            address: String::new(),
            metrics: None,
            folder: folder.to_owned(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        };
        while server.address.is_empty() {
            let Ok(line) = server.lines.recv_timeout(PATIENCE) else {
                let said = server.said_at_start.join("\n");
                panic!("the server did not start; it said:\n{said}");
            };
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if event["message"] == "ready" {
                server.address = event["listen"].as_str().map(str::to_owned).unwrap();
                server.metrics = event["metrics_listen"].as_str().map(str::to_owned);
            }
            server.said_at_start.push(line);
        }
        server
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it answers to whoever asks without a token.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = reqwest::get(self.url(path)).await.unwrap();
        answer.json().await.unwrap()
    }

    /// A token that it accepts, as `roster token` prints it.
    pub(crate) fn token(&self, subject: &str, scopes: &str) -> String {
        let output = roster(&self.folder)
            .args(["token", "--sub", subject, "--scope", scopes])
            .args(&self.args)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let printed = stdout(&output);
        printed.lines().last().unwrap().to_owned()
    }

    /// A client that may do everything.
    pub(crate) fn client(&self) -> reqwest::Client {
        let everything = "users:read users:write users:admin feeds:write ops";
        Self::client_with(&self.token("test", everything))
    }

    /// A client with this token.
    pub(crate) fn client_with(token: &str) -> reqwest::Client {
        let token = format!("Bearer {token}").parse().unwrap();
        let headers = [(reqwest::header::AUTHORIZATION, token)];
        reqwest::Client::builder()
            .default_headers(headers.into_iter().collect())
            .build()
            .unwrap()
    }

    /// How much memory it has now, in KiB.
    pub(crate) fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// How much memory it ever had, in KiB.
    pub(crate) fn most_resident(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for the end, and answers it with what was said since the start.
    pub(crate) fn wait(mut self) -> (ExitStatus, Vec<String>) {
        // The stream ends with the process.
        let said = std::iter::from_fn(|| self.lines.recv_timeout(PATIENCE).ok()).collect();
        (self.child.wait().unwrap(), said)
    }

    pub(crate) fn stop(self) -> (ExitStatus, Vec<String>) {
        self.signal("TERM");
        self.wait()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(stream: ChildStderr) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
