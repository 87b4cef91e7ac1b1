//! The closed loop: `wrk` with a list of requests.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
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
    /// Connections that failed, and answers that took too long.
    broken: u64,
    /// Statuses from 400 up.
    refused: u64,
    /// Sent and not answered, but for those that the end came before: a server that closes its
    /// connections loses some.
    lost: u64,
    pub(crate) p50: Duration,
    pub(crate) p90: Duration,
    pub(crate) p99: Duration,
    pub(crate) p999: Duration,
    pub(crate) max: Duration,
    /// What the generator itself used of the processors.
    pub(crate) generator: Duration,
}

/// A list of requests in the form that the script reads: their octets one after the other, and
/// where each begins, so that a thread has nothing to do before its first one. `wrk` begins with
/// its first thread while the second is still being made ready, and counts what that one does.
pub(crate) struct List {
    file: PathBuf,
    starts: PathBuf,
    count: usize,
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

    /// Writes requests to a system down for runs to come.
    pub(crate) fn list(
        &self,
        system: &System,
        name: &str,
        requests: &[Request],
        once: bool,
    ) -> Result<List> {
        let mut common = format!("Host: {}\r\n", system.address);
        for (name, value) in &system.headers {
            // Writing to a String cannot fail.
            let _ = write!(common, "{name}: {value}\r\n");
        }
        let list = List {
            file: self.folder.path().join(format!("{name}.requests")),
            starts: self.folder.path().join(format!("{name}.starts")),
            count: requests.len(),
            once,
        };
        let mut file = BufWriter::new(File::create(&list.file)?);
        let mut starts = BufWriter::new(File::create(&list.starts)?);
        let mut at = 0_u32;
        starts.write_all(&at.to_ne_bytes())?;
        for request in requests {
            let octets = octets(request, &common);
            file.write_all(octets.as_bytes())?;
            at = u32::try_from(octets.len())
                .ok()
                .and_then(|length| at.checked_add(length))
                .ok_or("a list of requests has more than 4 GiB")?;
            starts.write_all(&at.to_ne_bytes())?;
        }
        file.flush()?;
        starts.flush()?;
        Ok(list)
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
            .args([&list.file, &list.starts])
            .args([list.count, threads as usize].map(|number| number.to_string()))
            .args(list.once.then_some("once"))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await?;
        let generator = cpu::of_ended_children()?.saturating_sub(before);
        let printed = String::from_utf8_lossy(&output.stdout);
        let closed = parsed(&printed, connections).ok_or_else(|| {
            let errors = String::from_utf8_lossy(&output.stderr);
            format!("wrk ended with {}: {errors}{printed}", output.status)
        })?;
        Ok(Closed {
            generator,
            ..closed
        })
    }
}

/// A request as it is sent.
fn octets(request: &Request, common: &str) -> String {
    let Request {
        method,
        path,
        header,
        body,
    } = request;
    let mut octets = format!("{method} {path} HTTP/1.1\r\n{common}");
    // Writing to a String cannot fail.
    if let Some(header) = header {
        let _ = write!(octets, "{header}\r\n");
    }
    match body {
        Some(body) => {
            let _ = write!(
                octets,
                "Content-Type: application/merge-patch+json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
        }
        None => octets += "\r\n",
    }
    octets
}

impl Closed {
    /// Requests without an answer, or with one that is none.
    pub(crate) const fn failed(&self) -> u64 {
        self.broken + self.refused + self.lost
    }
}

fn parsed(printed: &str, connections: u32) -> Option<Closed> {
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
    let requests = number("requests")?;
    // One is made to look at before the first is sent.
    let under_way = u64::from(connections) + 1;
    Some(Closed {
        requests,
        lost: number("sent")?.saturating_sub(requests + under_way),
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
    fn a_request_is_written_as_it_is_sent() {
        let id = uuid::Uuid::nil();
        let common = "Host: here\r\nAuthorization: Bearer x\r\n";
        let read = Request {
            header: Some("If-None-Match: \"1\"".to_owned()),
            ..Request::user(id)
        };
        assert_eq!(
            octets(&read, common),
            "GET /v1/users/00000000-0000-0000-0000-000000000000 HTTP/1.1\r\nHost: here\r\n\
             Authorization: Bearer x\r\nIf-None-Match: \"1\"\r\n\r\n"
        );
        let renamed = octets(&Request::rename(id, "Zoë"), common);
        assert!(renamed.contains("Content-Length: 15\r\n\r\n{\"name\":\"Zoë\"}"));
    }

    #[test]
    fn the_line_of_the_script_is_read() {
        let line = "Running\nRESULT requests=12 sent=20 micros=1000000 bytes=99 broken=1 refused=2 p50=3 p90=4 p99=5 p999=6 max=7\n";
        let closed = parsed(line, 4).unwrap();
        assert_eq!((closed.requests, closed.bytes), (12, 99));
        let lost = 20 - 12 - 5;
        assert_eq!((closed.broken, closed.refused, closed.lost), (1, 2, lost));
        assert_eq!(closed.failed(), 6);
        assert_eq!(closed.took, Duration::from_secs(1));
        assert_eq!(closed.max, Duration::from_micros(7));
        assert!(parsed("unable to connect", 4).is_none());
    }
}
