//! A run finds what is wrong, keeps it, and fails on it ever after.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How many octets of a secret an input begins with; a parser that breaks when all are there.
fn target(input: &[u8]) -> usize {
    let known = b"in".iter().zip(input).take_while(|(a, b)| a == b).count();
    assert!(known < 2, "found");
    known
}

#[test]
fn a_run_works_its_way_in_and_keeps_what_it_finds() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("start"), b"xxxxxxxx").unwrap();
    let run = || {
        let run = || roster_fuzz::run(folder.path(), &[], target);
        catch_unwind(AssertUnwindSafe(run)).is_err()
    };
    assert!(run(), "both octets are found, one after the other");
    let kept: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("crash-")
        })
        .collect();
    assert_eq!(kept.len(), 1);
    assert!(fs::read(&kept[0]).unwrap().starts_with(b"in"));
    assert!(run());
    fs::remove_file(&kept[0]).unwrap();
}
