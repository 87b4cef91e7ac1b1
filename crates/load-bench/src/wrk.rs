//! The closed loop: `wrk` with a list of requests.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;

use crate::Result;
use crate::cpu;
use crate::requests::Request;
use crate::system::System;

const SCRIPT: &str = include_str!("wrk.lua");

/// `wrk` and the folder of what it reads.
pub(crate) struct Wrk {
    folder: TempDir,
}

/// What one run of it saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Closed {
    pub(crate) requests: u64,
    pub(crate) took: Duration,
    pub(crate) bytes: u64,
    /// Connections that failed and answers that did not come.
    pub(crate) broken: u64,
    /// Statuses from 400 up.
    pub(crate) refused: u64,
    pub(crate) p50: Duration,
    pub(crate) p90: Duration,
    pub(crate) p99: Duration,
    pub(crate) p999: Duration,
    pub(crate) max: Duration,
    /// What the generator itself used of the processors.
    pub(crate) generator: Duration,
}

/// A list of requests in the form that the script reads.
pub(crate) struct List {
    file: PathBuf,
    /// Whether each is sent once: a run ends early where the list does.
    once: bool,
}

impl Wrk {
    pub(crate) fn new() -> Result<Self> {
        let found = std::process::Command::new("wrk")
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if found.is_err() {
            return Err(
                "wrk is not installed: it is Debian's package `wrk`, and Homebrew's".into(),
            );
        }
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("wrk.lua"), SCRIPT)?;
        Ok(Self { folder })
    }

    /// Writes requests down for runs to come.
    pub(crate) fn list(&self, name: &str, requests: &[Request], once: bool) -> Result<List> {
        let list = self.folder.path().join(format!("{name}.requests"));
        let mut file = std::io::BufWriter::new(std::fs::File::create(&list)?);
        for request in requests {
            let Request {
                method,
                path,
                header,
                body,
            } = request;
            let header = header.as_deref().unwrap_or_default();
            let body = body.as_deref().unwrap_or_default();
            writeln!(file, "{method}\t{path}\t{header}\t{body}")?;
        }
        file.flush()?;
        Ok(List { file: list, once })
    }

    /// Sends the requests in turn over so many connections for so long, or to the end of a list
    /// that is sent once.
    pub(crate) async fn run(
        &self,
        system: &System,
        list: &List,
        connections: u32,
        lasting: Duration,
    ) -> Result<Closed> {
        let mut headers = String::new();
        for (name, value) in &system.headers {
            // Writing to a String cannot fail.
            let _ = write!(headers, "{name}: {value}|");
        }
        let threads = connections.min(2);
        let before = cpu::of_ended_children()?;
        let output = Command::new("wrk")
            .args(["--threads", &threads.to_string()])
            .args(["--connections", &connections.to_string()])
            .args(["--duration", &format!("{}s", lasting.as_secs().max(1))])
            .args(["--timeout", "5s", "--latency", "--script"])
            .arg(self.folder.path().join("wrk.lua"))
            .arg(format!("http://{}/", system.address))
            .arg("--")
            .args([system.address.to_string(), headers])
            .arg(&list.file)
            .args(list.once.then(|| threads.to_string()))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await?;
        let generator = cpu::of_ended_children()?.saturating_sub(before);
        let printed = String::from_utf8_lossy(&output.stdout);
        let closed = parsed(&printed).ok_or_else(|| {
            let errors = String::from_utf8_lossy(&output.stderr);
            format!("wrk ended with {}: {errors}{printed}", output.status)
        })?;
        Ok(Closed {
            generator,
            ..closed
        })
    }
}

fn parsed(printed: &str) -> Option<Closed> {
    let line = printed
        .lines()
        .find_map(|line| line.strip_prefix("RESULT "))?;
    let number = |name: &str| -> Option<u64> {
        line.split(' ')
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))?
            .parse()
            .ok()
    };
    let time = |name: &str| number(name).map(Duration::from_micros);
    Some(Closed {
        requests: number("requests")?,
        took: time("micros")?,
        bytes: number("bytes")?,
        broken: number("broken")?,
        refused: number("refused")?,
        p50: time("p50")?,
        p90: time("p90")?,
        p99: time("p99")?,
        p999: time("p999")?,
        max: time("max")?,
        generator: Duration::ZERO,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_script_is_read() {
        let line = "Running\nRESULT requests=12 micros=1000000 bytes=99 broken=1 refused=2 p50=3 p90=4 p99=5 p999=6 max=7\n";
        let closed = parsed(line).unwrap();
        assert_eq!((closed.requests, closed.bytes), (12, 99));
        assert_eq!((closed.broken, closed.refused), (1, 2));
        assert_eq!(closed.took, Duration::from_secs(1));
        assert_eq!(closed.max, Duration::from_micros(7));
        assert!(parsed("unable to connect").is_none());
    }
}
