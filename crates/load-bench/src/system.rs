//! What is measured: the service, its floors and its peers, each with a Redis of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use roster_soak::{Node, NodeOptions, TOKEN};
use roster_test_services::RedisServer;

use crate::Result;
use crate::cpu::Tree;
use crate::floor::Template;
use crate::progress::say;
use crate::stand::Stand;

/// The name of the service that has no memory to speak of.
pub(crate) const FORGETFUL: &str = "roster, 1 MiB of memory";
pub(crate) const UNBATCHED: &str = "roster without batches";

/// What a system is, and so what can be asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The service.
    Service,
    /// The service with hardly any memory for users, so that they come from Redis.
    Forgetful,
    /// The service without batches: each read goes by itself.
    Unbatched,
    /// A server that gives one answer to everything.
    Constant,
    /// A server that hands on what Redis has.
    RedisGet,
    /// Another service of the same routes.
    Peer,
    /// The same, but started by somebody else.
    External,
}

/// One server that runs.
pub(crate) struct System {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    /// Sent with every request.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) service: Tree,
    pub(crate) redis: Option<RedisServer>,
    /// Ended when this is dropped.
    _process: Process,
}

/// Processor time of the three, at one moment.
pub(crate) struct Used {
    pub(crate) service: Duration,
    pub(crate) postgres: Duration,
    pub(crate) redis: Duration,
}

enum Process {
    Node { _node: Node },
    Child(Child),
    Elsewhere,
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Self::Child(child) = self {
            // SIGTERM first: a peer of several processes ends its workers itself.
            let pid = i32::try_from(child.id())
                .ok()
                .and_then(rustix::process::Pid::from_raw);
            if let Some(pid) = pid {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            }
            for _ in 0..200 {
                if !matches!(child.try_wait(), Ok(None)) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl System {
    /// A client that sends what every request to it has.
    pub(crate) fn client(&self) -> Result<reqwest::Client> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.insert(name.parse::<HeaderName>()?, HeaderValue::from_str(value)?);
        }
        Ok(reqwest::Client::builder()
            .no_proxy()
            .default_headers(headers)
            .timeout(Duration::from_secs(5))
            .build()?)
    }

    /// What it and its stores have used so far.
    pub(crate) fn used(&self, stand: &Stand) -> Result<Used> {
        Ok(Used {
            service: self.service.used()?,
            postgres: stand.postgres().used()?,
            redis: match &self.redis {
                Some(redis) => Tree(redis.pid()).used()?,
                None => Duration::ZERO,
            },
        })
    }

    /// Where a path is.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The service as a deployment runs it: tokens, quotas, limits, metrics and logs are on.
    pub(crate) fn service(
        name: &str,
        binary: &Path,
        stand: &Stand,
        flags: &[&str],
        redis: Option<&RedisServer>,
    ) -> Result<Self> {
        let redis = match redis {
            Some(shared) => shared.clone(),
            None => RedisServer::try_start(&[])?,
        };
        let folder = stand.folder(name)?;
        let flags = [&["--quota-requests", "1000000/s"], flags].concat();
        let options = NodeOptions {
            database_url: stand.database_url(),
            redis_url: redis.url(),
            flags: flags.into_iter().map(str::to_owned).collect(),
            env: Vec::new(),
        };
        let node = Node::start(binary, &folder, &options)?;
        Ok(Self {
            name: name.to_owned(),
            kind: Kind::Service,
            address: node.address(),
            headers: vec![("Authorization".to_owned(), format!("Bearer {TOKEN}"))],
            service: Tree(node.pid()),
            redis: Some(redis),
            _process: Process::Node { _node: node },
        })
    }

    /// The service with as little memory as it takes.
    pub(crate) fn forgetful(
        binary: &Path,
        stand: &Stand,
        redis: Option<&RedisServer>,
    ) -> Result<Self> {
        let flags = ["--cache-memory", "1MiB"];
        Ok(Self {
            kind: Kind::Forgetful,
            ..Self::service(FORGETFUL, binary, stand, &flags, redis)?
        })
    }

    /// The service, asking its stores for one thing at a time in each question.
    pub(crate) fn unbatched(
        binary: &Path,
        stand: &Stand,
        memory: &str,
        redis: Option<&RedisServer>,
    ) -> Result<Self> {
        let flags = ["--cache-memory", memory, "--database-batch", "1"];
        Ok(Self {
            kind: Kind::Unbatched,
            ..Self::service(UNBATCHED, binary, stand, &flags, redis)?
        })
    }

    /// A floor: this program again, with an answer to repeat.
    pub(crate) async fn floor(
        stand: &Stand,
        template: &Template,
        with_redis: bool,
    ) -> Result<Self> {
        let (name, kind) = if with_redis {
            ("axum + Redis GET", Kind::RedisGet)
        } else {
            ("bare axum", Kind::Constant)
        };
        let answer = stand.folder("floors")?.join("answer.json");
        std::fs::write(&answer, serde_json::to_vec(template)?)?;
        let redis = with_redis
            .then(|| RedisServer::try_start(&[]))
            .transpose()?;
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["floor", "--listen", &address.to_string(), "--answer"])
            .arg(&answer);
        if let Some(redis) = &redis {
            command.args(["--redis", &redis.url()]);
        }
        let child = command.stdin(Stdio::null()).spawn()?;
        let system = Self {
            name: name.to_owned(),
            kind,
            address,
            headers: vec![("Authorization".to_owned(), format!("Bearer {TOKEN}"))],
            service: Tree(child.id()),
            redis,
            _process: Process::Child(child),
        };
        system.ready("/v1/users/0").await?;
        Ok(system)
    }

    /// A peer by its folder; `None` when its tools are not here.
    pub(crate) async fn peer(folder: &Path, stand: &Stand) -> Result<Option<Self>> {
        let name = folder
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .ok_or("a peer's folder has no name")?;
        let build = stand.kept().join("peers").join(&name);
        std::fs::create_dir_all(&build)?;
        say(&format!("building the peer {name}"));
        let built = Command::new(folder.join("build"))
            .env("BUILD_FOLDER", &build)
            .current_dir(folder)
            .stdin(Stdio::null())
            .output()?;
        if !built.status.success() {
            let errors = String::from_utf8_lossy(&built.stderr);
            let last = errors.lines().last().unwrap_or_default();
            say(&format!("the peer {name} is left out: {last}"));
            return Ok(None);
        }
        let redis = RedisServer::try_start(&[])?;
        let address = free_address()?;
        let log = std::fs::File::create(build.join("serve.log"))?;
        let child = Command::new(folder.join("serve"))
            .env("BUILD_FOLDER", &build)
            .env("ADDRESS", address.to_string())
            .env("DATABASE_URL", stand.database_url())
            .env("REDIS_URL", redis.url())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let system = Self {
            name,
            kind: Kind::Peer,
            address,
            headers: Vec::new(),
            service: Tree(child.id()),
            redis: Some(redis),
            _process: Process::Child(child),
        };
        system.ready("/healthz").await?;
        Ok(Some(system))
    }

    /// A server that somebody else started.
    pub(crate) fn external(address: SocketAddr, pid: u32, headers: Vec<(String, String)>) -> Self {
        Self {
            name: "external".to_owned(),
            kind: Kind::External,
            address,
            headers,
            service: Tree(pid),
            redis: None,
            _process: Process::Elsewhere,
        }
    }

    async fn ready(&self, path: &str) -> Result<()> {
        // A peer in an interpreted language takes its time on a busy machine.
        for _ in 0..1_200 {
            if reqwest::get(self.url(path)).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(format!("{} does not answer at {}", self.name, self.address).into())
    }
}

/// The folders that hold a peer.
pub(crate) fn peer_folders(under: &Path) -> Result<Vec<PathBuf>> {
    let Ok(entries) = std::fs::read_dir(under) else {
        return Ok(Vec::new());
    };
    let mut folders = Vec::new();
    for entry in entries {
        let folder = entry?.path();
        if folder.join("serve").is_file() {
            folders.push(std::path::absolute(folder)?);
        }
    }
    folders.sort();
    Ok(folders)
}

/// An address that nobody listens at just now.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
