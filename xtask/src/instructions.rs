//! Instructions of the hot paths, against those that are committed: what costs more than it did
//! is seen on any machine, however busy it is.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{can_start, cargo, output};
use crate::failure::{Failure, Outcome};
use crate::workspace;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write what is counted to docs/benchmarks/instructions.csv
    #[arg(long)]
    write: bool,
}

/// What is counted, and how often it is asked for.
const SCENARIOS: [(&str, u64); 6] = [
    ("L1 hit", 200),
    ("not modified", 200),
    ("L2 hit", 200),
    ("batch of 64 misses", 4),
    ("page of 50", 50),
    ("dashboard", 100),
];
const FILE: &str = "docs/benchmarks/instructions.csv";
/// Keys of hash maps differ from process to process, and the counts with them.
const RUNS: usize = 3;
/// In percent.
const TOLERATED: u64 = 3;

pub(crate) fn run(args: &Args) -> Outcome {
    if cfg!(not(all(target_arch = "x86_64", target_os = "linux"))) {
        println!(
            "instructions: the committed counts are those of x86-64 Linux; nothing to compare"
        );
        return Ok(());
    }
    if !can_start("valgrind") {
        return Err(Failure::new(
            "counting instructions needs valgrind: it is the package `valgrind` of most systems",
        ));
    }
    let program = built()?;
    let file = workspace::root().join(FILE);
    let committed = if args.write {
        BTreeMap::new()
    } else {
        read(&file)?
    };
    let mut text = "what,instructions\n".to_owned();
    let mut worse = Vec::new();
    for (scenario, times) in SCENARIOS {
        let counted = counted(&program, scenario, times)?;
        writeln!(text, "{scenario},{counted}")?;
        let Some(&known) = committed.get(scenario) else {
            println!("instructions: {scenario}: {counted}");
            if !args.write {
                worse.push(format!("{scenario}: {FILE} does not have it"));
            }
            continue;
        };
        println!("instructions: {scenario}: {counted}, committed {known}");
        if counted > known + known * TOLERATED / 100 {
            worse.push(format!(
                "{scenario}: {counted} instructions, over {TOLERATED} % more than {known}"
            ));
        }
    }
    if args.write {
        fs::write(&file, text)?;
        return Ok(());
    }
    Failure::of_rules("instructions", &worse)
}

/// The program, as a release is built.
fn built() -> Outcome<PathBuf> {
    let mut build = cargo([
        "bench",
        "--no-run",
        "--profile",
        "instructions",
        "--package",
        "roster-http",
        "--bench",
        "instructions",
        "--message-format",
        "json-render-diagnostics",
    ]);
    let messages = output(&mut build)?;
    let program = messages
        .lines()
        .filter(|line| line.contains("\"instructions\""))
        .filter_map(|line| line.split("\"executable\":\"").nth(1)?.split('"').next())
        .next_back();
    program
        .map(PathBuf::from)
        .ok_or_else(|| Failure::new("cargo names no program of the bench `instructions`"))
}

/// Of one request: the least of a few runs.
fn counted(program: &Path, scenario: &str, times: u64) -> Outcome<u64> {
    let mut least = u64::MAX;
    for _ in 0..RUNS {
        least = least.min(one_run(program, scenario, times)? / times);
    }
    Ok(least)
}

fn one_run(program: &Path, scenario: &str, times: u64) -> Outcome<u64> {
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=instructions::measured*")
        .arg(program)
        .args([scenario, &times.to_string()])
        .output()?;
    let printed = String::from_utf8_lossy(&run.stderr);
    let collected = printed
        .lines()
        .find_map(|line| line.split("Collected : ").nth(1)?.trim().parse().ok());
    match collected {
        Some(collected) if run.status.success() && collected > 0 => Ok(collected),
        _ => Err(Failure::new(format!(
            "valgrind of {scenario:?} ended with {}:\n{printed}",
            run.status
        ))),
    }
}

fn read(file: &Path) -> Outcome<BTreeMap<String, u64>> {
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::new(format!("{FILE}: {error}; --write makes it")))?;
    text.lines()
        .skip(1)
        .map(|line| {
            let wrong = || Failure::new(format!("{FILE}: {line:?} is not `what,instructions`"));
            let (what, count) = line.rsplit_once(',').ok_or_else(wrong)?;
            Ok((what.to_owned(), count.parse().map_err(|_| wrong())?))
        })
        .collect()
}
