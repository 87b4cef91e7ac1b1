use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use roster_adapters_sqlite::{DataFolder, LockError};
use tempfile::TempDir;

/// Set for the process that holds the folder of this name until it is killed.
const CHILD: &str = "ROSTER_SQLITE_TEST_HOLDER";

/// Not a test but the other process of the test below, which starts this binary again.
#[test]
fn holding_process() {
    let Ok(folder) = std::env::var(CHILD) else {
        return;
    };
    let held = DataFolder::lock(Path::new(&folder), "a server that is starting").unwrap();
    held.set_holder("a server at http://127.0.0.1:8080")
        .unwrap();
    println!("held");
    // Until the pipe is closed, which is when the parent ends at the latest.
    let _ = std::io::stdin().lines().next();
}

fn start_holder(folder: &Path) -> Child {
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "data_folder::holding_process", "--nocapture"])
        .env(CHILD, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("held")));
    holder
}

#[test]
fn a_folder_that_another_process_holds_is_refused_with_its_name() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("data");
    let mut holder = start_holder(&folder);
    match DataFolder::lock(&folder, "an import") {
        Err(LockError::Held { by, .. }) => assert_eq!(by, "a server at http://127.0.0.1:8080"),
        other => panic!("{other:?}"),
    }
    // A process that is killed leaves nothing behind that has to be cleared away.
    holder.kill().unwrap();
    holder.wait().unwrap();
    let held = DataFolder::lock(&folder, "an import").unwrap();
    assert_eq!(held.database(), folder.join("roster.db"));
}

#[test]
fn a_folder_is_free_again_when_its_lock_is_dropped() {
    let folder = TempDir::new().unwrap();
    let first = DataFolder::lock(folder.path(), "the first").unwrap();
    let refused = DataFolder::lock(folder.path(), "the second");
    assert!(matches!(refused, Err(LockError::Held { by, .. }) if by == "the first"));
    drop(first);
    DataFolder::lock(folder.path(), "the second").unwrap();
}

#[cfg(unix)]
#[test]
fn a_new_folder_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("a/b");
    let _held = DataFolder::lock(&folder, "a test").unwrap();
    let mode = std::fs::metadata(&folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let refused = DataFolder::lock(&file.join("data"), "a test").unwrap_err();
    assert!(matches!(refused, LockError::Io { .. }), "{refused:?}");
    assert!(refused.to_string().contains("file/data"), "{refused}");
}
