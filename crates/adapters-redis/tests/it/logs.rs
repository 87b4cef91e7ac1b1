//! What an operator reads while the server goes and comes.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};

use roster_adapters_redis::{RedisEvent, RedisObserver, RedisUserCache};
use tracing_subscriber::fmt::MakeWriter;

use crate::fake_server::FakeServer;
use crate::support::{Tally, patient, until};

/// What all tests of this process log: a subscriber for one thread alone would lose lines,
/// because what is cached for a call site holds for all threads.
static LOG: OnceLock<Log> = OnceLock::new();

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

/// The lines about one server, from now on.
struct Lines {
    address: String,
    from: usize,
}

impl Lines {
    fn about(address: SocketAddr) -> Self {
        let log = LOG.get_or_init(|| {
            let log = Log::default();
            tracing_subscriber::fmt()
                .with_ansi(false)
                .with_writer(log.clone())
                .init();
            log
        });
        Self {
            address: format!("redis.address={address}"),
            from: log.0.lock().unwrap().len(),
        }
    }

    fn with(&self, text: &str) -> usize {
        let log = LOG.get().unwrap().0.lock().unwrap();
        String::from_utf8_lossy(&log[self.from..])
            .lines()
            .filter(|line| line.contains(&self.address) && line.contains(text))
            .count()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_loss_is_one_warning_and_a_return_one_line_however_long_it_takes() {
    let bench = bench!();
    let lines = Lines::about(bench.server.addr());
    bench.server.kill();
    until(|| bench.tally.of(RedisEvent::ConnectFailed) >= 3).await;
    assert_eq!(lines.with("WARN"), 1);
    assert_eq!(lines.with("lost the connection to Redis"), 1);
    bench.server.restart().await.unwrap();
    until(|| bench.cache.is_connected()).await;
    assert_eq!(lines.with("INFO"), 1);
    assert_eq!(lines.with("connected to Redis"), 1);
    assert_eq!(lines.with(""), 2);
}

#[tokio::test]
async fn a_server_that_is_absent_at_start_is_one_warning_without_the_password() {
    let bench = bench!();
    let lines = Lines::about(bench.server.addr());
    let mut settings = patient(&bench.server.url());
    settings.url = settings.url.replace("redis://", "redis://:hunter2@");
    let tally = Arc::new(Tally::default());
    let observer: Arc<dyn RedisObserver> = Arc::<Tally>::clone(&tally);
    bench.server.kill();
    let _cache = RedisUserCache::observed(settings, observer).unwrap();
    until(|| tally.of(RedisEvent::ConnectFailed) >= 3).await;
    assert_eq!(lines.with("cannot connect to Redis"), 1);
    assert_eq!(lines.with("hunter2"), 0);
}

#[tokio::test]
async fn a_server_that_refuses_to_track_is_one_warning_however_often_it_is_lost() {
    let bench = bench!();
    if !crate::tracking::forbid(&bench, "client|tracking").await {
        return;
    }
    let lines = Lines::about(bench.server.addr());
    let (cache, tally) = crate::support::cache(crate::tracking::limited(&bench)).await;
    for losses in 1..=2 {
        let _: i64 = bench.ask("CLIENT KILL TYPE normal SKIPME yes").await;
        until(|| tally.of(RedisEvent::Connected) > losses).await;
    }
    assert_eq!(lines.with("does not track what this connection reads"), 1);
    drop(cache);
}

/// Without the commands that the scripts call its answers would be refused fills: a cache that is
/// there and never holds anything.
#[tokio::test]
async fn a_server_that_is_too_old_is_one_warning_and_is_not_asked() {
    let server = FakeServer::start("6.0.16").await;
    let lines = Lines::about(server.addr);
    let tally = Arc::new(Tally::default());
    let observer: Arc<dyn RedisObserver> = Arc::<Tally>::clone(&tally);
    let cache = RedisUserCache::observed(patient(&server.url()), observer).unwrap();
    until(|| tally.of(RedisEvent::ConnectFailed) >= 3).await;
    assert!(!cache.is_connected());
    assert_eq!(lines.with("WARN"), 1);
    let why = "the server is Redis 6.0.16, and 6.2 is the oldest that is asked";
    assert_eq!(lines.with(why), 1);
}
