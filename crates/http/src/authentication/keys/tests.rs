mod over_tls;

use std::path::Path;
use std::sync::atomic::AtomicUsize;

use roster_adapters_memory::ManualClock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;
use crate::authentication::Algorithm;

const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

fn jwks(kid: &str) -> String {
    format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"{X}"}}]}}"#)
}

fn has(keys: &Keys, kid: &str) -> bool {
    keys.current()
        .is_some_and(|state| state.set.find(Some(kid), Algorithm::EdDsa).is_some())
}

/// Keys that are kept fresh, on a clock of the test's own.
struct Kept {
    keys: Arc<Keys>,
    clock: Arc<ManualClock>,
    task: JoinHandle<()>,
}

impl Kept {
    async fn start(source: KeySource) -> Self {
        let clock = Arc::new(ManualClock::default());
        let keys = Arc::new(Keys::open(source, Arc::<ManualClock>::clone(&clock) as _).unwrap());
        let fresh = Arc::clone(&keys);
        let task = tokio::spawn(async move { fresh.keep_fresh().await });
        let kept = Self { keys, clock, task };
        kept.settled().await;
        kept
    }

    fn file(path: &Path) -> impl Future<Output = Self> {
        Self::start(KeySource::File(path.to_owned()))
    }

    /// Waits until the task waits on the clock.
    async fn settled(&self) {
        while self.clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
    }

    /// Moves the clock by seconds, and lets the task do what is due.
    async fn pass(&self, seconds: u64) {
        for _ in 0..seconds {
            self.clock.advance(Duration::from_secs(1));
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            self.settled().await;
        }
    }

    fn readings(&self) -> u64 {
        self.keys.readings.borrow().ended
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn a_key_that_is_not_there_is_read_at_once_but_not_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    std::fs::write(&path, jwks("one")).unwrap();
    let kept = Kept::file(&path).await;
    assert!(has(&kept.keys, "one"));
    kept.pass(11).await;
    std::fs::write(&path, jwks("two")).unwrap();
    let before = kept.readings();
    kept.keys.refresh().await;
    assert!(has(&kept.keys, "two") && !has(&kept.keys, "one"));
    assert_eq!(kept.readings(), before + 1);
    // Made-up names do not make it read: these return at once, without the clock.
    for _ in 0..1_000 {
        kept.keys.refresh().await;
    }
    assert_eq!(kept.readings(), before + 1);
    std::fs::write(&path, jwks("three")).unwrap();
    kept.pass(11).await;
    kept.keys.refresh().await;
    assert!(has(&kept.keys, "three"));
}

#[tokio::test]
async fn keys_are_read_again_by_and_by_and_the_last_good_ones_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    std::fs::write(&path, jwks("one")).unwrap();
    let kept = Kept::file(&path).await;
    let generation = kept.keys.generation();
    kept.pass(61).await;
    assert_eq!(
        kept.keys.generation(),
        generation,
        "the same keys are no new set"
    );
    std::fs::write(&path, "{").unwrap();
    kept.pass(61).await;
    assert!(has(&kept.keys, "one"), "a torn file takes nothing away");
    std::fs::remove_file(&path).unwrap();
    kept.pass(61).await;
    assert!(has(&kept.keys, "one"), "nor does one that is gone");
    std::fs::write(&path, jwks("two")).unwrap();
    kept.pass(61).await;
    assert!(has(&kept.keys, "two") && !has(&kept.keys, "one"));
    assert_eq!(kept.keys.generation(), generation + 1);
}

#[test]
fn a_file_has_to_be_there_at_the_start() {
    let clock = || Arc::new(ManualClock::default());
    let missing = KeySource::File("/nowhere/jwks.json".into());
    assert!(matches!(
        Keys::open(missing, clock()),
        Err(KeyError::Unreadable(_))
    ));
}

/// Answers requests one after the other with what it holds just now.
struct Site {
    address: std::net::SocketAddr,
    answer: Arc<std::sync::Mutex<String>>,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Site {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = Arc::new(std::sync::Mutex::new(String::new()));
        let asked = Arc::new(AtomicUsize::new(0));
        let (held, count) = (Arc::clone(&answer), Arc::clone(&asked));
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let text = held.lock().unwrap().clone();
                let mut request = [0; 1_024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(text.as_bytes()).await;
            }
        });
        Self {
            address,
            answer,
            asked,
            task,
        }
    }

    fn answers(&self, status: &str, body: &str) {
        let length = body.len();
        *self.answer.lock().unwrap() = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
    }

    fn source(&self) -> KeySource {
        let uri = format!("http://{}/jwks", self.address).parse().unwrap();
        KeySource::Address(Box::new(JwksAddress::new(uri, None).unwrap()))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn an_address_that_fails_takes_nothing_away_and_is_asked_again() {
    let site = Site::start().await;
    site.answers("503 Service Unavailable", "");
    let kept = Kept::start(site.source()).await;
    assert!(kept.keys.current().is_none());
    // Without any keys it asks every second.
    site.answers("200 OK", &jwks("one"));
    kept.pass(2).await;
    assert!(has(&kept.keys, "one"));
    let redirected = "302 Found\r\nlocation: http://127.0.0.1:1/";
    for (status, body) in [
        ("500 Internal Server Error", ""),
        ("200 OK", "<html>"),
        ("200 OK", r#"{"keys":[]}"#),
        ("200 OK", &*"x".repeat(600 * 1024)),
        (redirected, &*jwks("two")),
    ] {
        site.answers(status, body);
        let before = kept.readings();
        kept.pass(301).await;
        assert!(kept.readings() > before, "{status}");
        assert!(has(&kept.keys, "one"), "{status}");
    }
    site.answers("200 OK", &jwks("two"));
    kept.keys.refresh().await;
    kept.pass(11).await;
    kept.keys.refresh().await;
    assert!(has(&kept.keys, "two"));
}

#[tokio::test]
async fn many_tokens_with_made_up_keys_ask_an_issuer_once() {
    let site = Site::start().await;
    site.answers("200 OK", &jwks("one"));
    let kept = Kept::start(site.source()).await;
    kept.pass(11).await;
    let before = site.asked.load(Ordering::SeqCst);
    let together = (0..500).map(|_| kept.keys.refresh());
    futures::future::join_all(together).await;
    assert_eq!(site.asked.load(Ordering::SeqCst), before + 1);
}
