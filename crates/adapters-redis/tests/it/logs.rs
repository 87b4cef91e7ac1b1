//! What an operator reads while the server goes and comes.

use std::io;
use std::sync::{Arc, Mutex};

use roster_adapters_redis::{RedisEvent, RedisUserCache};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{patient, until};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn with(&self, text: &str) -> usize {
        let bytes = self.0.lock().unwrap();
        String::from_utf8_lossy(&bytes).matches(text).count()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Lines {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// The runtime has one thread, so what is set for it holds for the supervisor's task as well.
#[tokio::test]
async fn a_loss_is_one_warning_and_a_return_one_line_however_long_it_takes() {
    let bench = bench!();
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(lines.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    bench.server.kill();
    until(|| bench.tally.of(RedisEvent::ConnectFailed) >= 3).await;
    assert_eq!(lines.with("WARN"), 1);
    assert_eq!(lines.with("lost the connection to Redis"), 1);
    bench.server.restart().await.unwrap();
    until(|| bench.cache.is_connected()).await;
    assert_eq!(lines.with("WARN"), 1);
    assert_eq!(lines.with("connected to Redis"), 1);
    let address = format!("redis.address=127.0.0.1:{}", bench.server.addr().port());
    assert_eq!(lines.with(&address), 2);
}

#[tokio::test]
async fn a_server_that_is_absent_at_start_is_one_warning() {
    let bench = bench!();
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(lines.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let mut settings = patient(&bench.server.url());
    settings.url = settings.url.replace("redis://", "redis://:hunter2@");
    let tally = Arc::new(crate::support::Tally::default());
    let observer: Arc<dyn roster_adapters_redis::RedisObserver> = Arc::clone(&tally) as _;
    bench.server.kill();
    let _cache = RedisUserCache::observed(settings, observer).unwrap();
    until(|| tally.of(RedisEvent::ConnectFailed) >= 3).await;
    assert_eq!(lines.with("cannot connect to Redis"), 1);
    assert_eq!(lines.with("hunter2"), 0);
}
