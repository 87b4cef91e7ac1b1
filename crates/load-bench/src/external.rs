//! A server that somebody else starts, on the database of the run.

use std::collections::HashSet;
use std::fs;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use crate::Result;
use crate::progress::say;
use crate::system::System;

const PAUSE: Duration = Duration::from_millis(500);
/// Two minutes: its owner learns the database when the run has begun.
const ATTEMPTS: u32 = 240;

/// From `http://host:port` or `host:port`.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let host = text.strip_prefix("http://").unwrap_or(text);
    let host = host.trim_end_matches('/');
    let found: Vec<_> = host
        .to_socket_addrs()
        .map_err(|error| format!("{host} is no host and port: {error}"))?
        .collect();
    // A name that stands for both is more often listened at by the older protocol.
    let found = found.iter().find(|found| found.is_ipv4()).or(found.first());
    found
        .copied()
        .ok_or_else(|| format!("{host} has no address"))
}

/// Waits until it answers, whatever it says.
pub(crate) async fn wait(
    address: SocketAddr,
    pid: Option<u32>,
    headers: Vec<(String, String)>,
) -> Result<System> {
    say(&format!(
        "waiting up to {} s for the external server at http://{address}",
        (PAUSE * ATTEMPTS).as_secs()
    ));
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(5))
        .build()?;
    let url = format!("http://{address}/healthz");
    for _ in 0..ATTEMPTS {
        if http.get(&url).send().await.is_ok() {
            let pid = match pid {
                Some(pid) => pid,
                None => listener(address.port())?,
            };
            say(&format!("the external server is process {pid}"));
            return Ok(System::external(address, pid, headers));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(format!("the external server does not answer at http://{address}").into())
}

/// The oldest process that listens at a port; workers that share it are its children.
fn listener(port: u16) -> Result<u32> {
    let sockets: HashSet<_> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| sockets(&table, port))
        .map(|socket| format!("socket:[{socket}]"))
        .collect();
    let holds = |pid: u32| {
        let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else {
            return false;
        };
        open.flatten()
            .filter_map(|entry| fs::read_link(entry.path()).ok())
            .any(|to| to.to_str().is_some_and(|to| sockets.contains(to)))
    };
    fs::read_dir("/proc")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| holds(*pid))
        .min()
        .ok_or_else(|| format!("nobody knows which process listens at {port}: give --pid").into())
}

/// The sockets that listen at a port, from a table of the kernel.
fn sockets(table: &str, port: u16) -> Vec<String> {
    const LISTENS: &str = "0A";
    let port = format!(":{port:04X}");
    table
        .lines()
        .filter_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let listens = fields.get(1)?.ends_with(&port) && *fields.get(3)? == LISTENS;
            listens.then(|| fields.get(9).map(|socket| (*socket).to_owned()))?
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use roster_test_services::refusing;

    use super::*;

    #[test]
    fn an_address_may_be_a_url_and_have_a_name() {
        let wanted = Ok(SocketAddr::from(([127, 0, 0, 1], 9_000)));
        for text in [
            "http://127.0.0.1:9000",
            "http://localhost:9000/",
            "127.0.0.1:9000",
        ] {
            assert_eq!(address(text), wanted, "{text}");
        }
        assert!(address("https://127.0.0.1:9000").is_err() && address("127.0.0.1").is_err());
    }

    #[test]
    fn who_listens_is_found() {
        let here = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = here.local_addr().unwrap().port();
        assert_eq!(listener(port).unwrap(), std::process::id());
        let nobody = refusing(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let port = nobody.local_addr().unwrap().port();
        assert!(listener(port).is_err());
    }
}
