//! What a run was made on.

use std::fs;
use std::process::Command;

/// One line for each fact, as name and text.
pub(crate) fn facts(postgres: &str) -> Vec<(&'static str, String)> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1))
        .unwrap_or("unknown");
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    vec![
        ("processor", format!("{model}, {cores} in use")),
        ("memory", format!("{} GiB", memory_kib() / 1_048_576)),
        (
            "kernel",
            first_word(&fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default()),
        ),
        ("load before", first_word(&load)),
        ("commit", commit()),
        ("rustc", output("rustc", &["--version"])),
        ("PostgreSQL", postgres.to_owned()),
        ("Redis", output("redis-server", &["--version"])),
        ("wrk", output("wrk", &["--version"])),
    ]
}

/// The memory of the machine; 0 where `/proc` does not say it.
pub(crate) fn memory_kib() -> u64 {
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    memory
        .lines()
        .find_map(|line| {
            line.strip_prefix("MemTotal:")?
                .trim()
                .strip_suffix(" kB")?
                .trim()
                .parse()
                .ok()
        })
        .unwrap_or_default()
}

/// The commit that was built, and whether the tree had more than it.
pub(crate) fn commit() -> String {
    let commit = output("git", &["rev-parse", "--short=10", "HEAD"]);
    let changed = output("git", &["status", "--porcelain", "--untracked-files=no"]);
    if changed.is_empty() {
        commit
    } else {
        format!("{commit} and changes")
    }
}

fn output(program: &str, args: &[&str]) -> String {
    Command::new(program)
        .args(args)
        .output()
        .map(|output| {
            let text = String::from_utf8_lossy(&output.stdout);
            text.lines().next().unwrap_or_default().trim().to_owned()
        })
        .unwrap_or_default()
}

fn first_word(text: &str) -> String {
    text.split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned()
}
