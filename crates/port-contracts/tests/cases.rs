//! The lists of the macros are whole.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use roster_port_contracts::{
    activity_repository, cache_relay, change_log, notification_repository, readiness,
    stats_repository, user_cache, user_repository, user_search, user_transfer, user_writes,
};

#[test]
fn every_case_that_is_written_is_listed_once() {
    let mut listed: Vec<&str> = Vec::new();
    listed.extend(user_repository::cases().iter().map(|case| case.name));
    listed.extend(user_transfer::cases().iter().map(|case| case.name));
    listed.extend(user_search::cases().iter().map(|case| case.name));
    listed.extend(user_writes::cases().iter().map(|case| case.name));
    listed.extend(
        notification_repository::cases()
            .iter()
            .map(|case| case.name),
    );
    listed.extend(activity_repository::cases().iter().map(|case| case.name));
    listed.extend(stats_repository::cases().iter().map(|case| case.name));
    listed.extend(change_log::cases().iter().map(|case| case.name));
    listed.extend(cache_relay::cases().iter().map(|case| case.name));
    listed.extend(user_cache::cases().iter().map(|case| case.name));
    listed.extend(readiness::cases().iter().map(|case| case.name));
    listed.sort_unstable();

    let mut written = BTreeSet::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(sources).unwrap() {
        let folder = entry.unwrap().path();
        if folder.is_dir() {
            for file in fs::read_dir(folder).unwrap() {
                let text = fs::read_to_string(file.unwrap().path()).unwrap();
                let cases = text.lines().filter_map(|line| {
                    let (name, _) = line.strip_prefix("pub async fn ")?.split_once('(')?;
                    Some(name.to_owned())
                });
                written.extend(cases);
            }
        }
    }
    assert_eq!(listed, written.iter().collect::<Vec<_>>());
}
