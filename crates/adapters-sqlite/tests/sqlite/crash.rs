use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use roster_adapters_sqlite::{SqliteStore, SqliteUsers, open};
use roster_domain::ports::{StoreError, UserRepository as _, WriteError};
use roster_port_contracts::samples::{new_user, user_id};
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;

use crate::support::patient;

/// Set for the process that is killed: the database file, and the first number it writes.
const CHILD: &str = "ROSTER_SQLITE_TEST_WRITER";

/// Not a test but the writing process of the tests below, which start this binary again.
#[tokio::test(flavor = "multi_thread")]
async fn writing_process() {
    let Ok(given) = std::env::var(CHILD) else {
        return;
    };
    let (path, first) = given.split_once('|').unwrap();
    let first: u64 = first.parse().unwrap();
    let store = open(Path::new(path), &patient()).await.unwrap();
    let writers = (0..100).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move { write_until_refused(&store, first + writer).await })
    });
    for refusal in futures::future::join_all(writers).await {
        let refusal = refusal.unwrap();
        let clean = matches!(refusal, WriteError::Store(StoreError::Unavailable(_)));
        assert!(clean, "{refusal:?}");
    }
    // What is stored can be read all the same.
    let found = SqliteUsers::new(&store).find_many(&[user_id(first)]).await;
    assert_eq!(found.unwrap().len(), 1);
    say("refused cleanly");
    store.close().await;
}

async fn write_until_refused(store: &SqliteStore, first: u64) -> WriteError {
    let users = SqliteUsers::new(store);
    for round in 0..5_000 {
        let number = first + round * 100;
        if let Err(refusal) = users.insert(&new_user(number)).await {
            return refusal;
        }
        say(&format!("stored {number}"));
    }
    panic!("was neither killed nor refused");
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

/// Starts the writing process through `shell`, which may set limits first.
fn start_writer(path: &Path, first: u64, shell: &str) -> Child {
    Command::new("sh")
        .args(["-c", &format!("{shell} exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "crash::writing_process", "--nocapture"])
        .env(CHILD, format!("{}|{first}", path.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The number in a line that acknowledges a write.
fn stored(line: &str) -> Option<u64> {
    line.strip_prefix("stored ")?.parse().ok()
}

fn database() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("roster.db");
    (folder, path)
}

async fn assert_intact(path: &Path, acknowledged: &BTreeSet<u64>) {
    let url = format!("sqlite:{}", path.display());
    let mut raw = SqliteConnection::connect(&url).await.unwrap();
    let verdict: String = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_one(&mut raw)
        .await
        .unwrap();
    assert_eq!(verdict, "ok");
    raw.close().await.unwrap();
    let store = open(path, &patient()).await.unwrap();
    let users = SqliteUsers::new(&store);
    let numbers: Vec<_> = acknowledged.iter().copied().collect();
    for some in numbers.chunks(256) {
        let ids: Vec<_> = some.iter().copied().map(user_id).collect();
        let found = users.find_many(&ids).await.unwrap();
        assert_eq!(found.len(), ids.len(), "an acknowledged write is gone");
    }
    store.close().await;
}

#[tokio::test]
async fn a_killed_process_loses_no_acknowledged_write() {
    let (_folder, path) = database();
    let mut acknowledged = BTreeSet::new();
    for round in 0..5 {
        let mut writer = start_writer(&path, round * 1_000_000 + 1, "");
        let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        let before = acknowledged.len();
        while acknowledged.len() < before + 300 {
            acknowledged.extend(stored(&lines.next().unwrap().unwrap()));
        }
        writer.kill().unwrap();
        writer.wait().unwrap();
        // What it said before it died counts as well.
        acknowledged.extend(lines.map_while(Result::ok).filter_map(|line| stored(&line)));
        assert_intact(&path, &acknowledged).await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_full_disk_refuses_writes_and_breaks_nothing() {
    let (_folder, path) = database();
    // Files of 4,096 blocks of 512 octets and no more: SQLite cannot grow its files.
    let writer = start_writer(&path, 1, "trap '' XFSZ; ulimit -f 4096;");
    let output = writer.wait_with_output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    assert!(output.contains("refused cleanly"), "{output}");
    let acknowledged: BTreeSet<_> = output.lines().filter_map(stored).collect();
    assert!(acknowledged.len() > 100);
    assert_intact(&path, &acknowledged).await;
    // With room again it goes on.
    let store = open(&path, &patient()).await.unwrap();
    let users = SqliteUsers::new(&store);
    users.insert(&new_user(9_000_000)).await.unwrap();
}
