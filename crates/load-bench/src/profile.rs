//! Where the service and its stores spend their time: samples of `perf`, by what they fell on.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::Result;
use crate::cpu::Tree;

/// `perf` at work on one of them.
pub(crate) struct Recording {
    whose: Whose,
    folder: TempDir,
    perf: Child,
}

/// Whose time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Service,
    Postgres,
    Redis,
}

/// Parts of a program by what its functions are named after; the first that fits.
const PARTS: [(&str, &[&str]); 8] = [
    ("Redis client", &["redis", "combine"]),
    ("PostgreSQL client", &["sqlx"]),
    ("JSON", &["serde", "hifijson"]),
    ("connections", &["hyper", "httparse", "http::", "h1::"]),
    ("routes", &["axum", "tower", "matchit"]),
    ("hashes of tokens", &["sha2"]),
    ("tasks", &["tokio", "futures", "tracing::instrument"]),
    ("Roster", &["roster"]),
];
const ALLOCATION: [&str; 6] = [
    "malloc",
    "free",
    "realloc",
    "calloc",
    "unlink_chunk",
    "arena",
];

impl Recording {
    const FILE: &str = "perf.data";

    /// Records a tree of processes and their threads for so long.
    pub(crate) fn start(whose: Whose, tree: Tree, lasting: Duration) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let pids: Vec<_> = tree.pids()?.iter().map(u32::to_string).collect();
        let perf = Command::new("perf")
            .args(["record", "--quiet", "--freq", "1999", "--pid"])
            .arg(pids.join(","))
            .arg("--output")
            .arg(folder.path().join(Self::FILE))
            .args(["--", "sleep", &lasting.as_secs_f64().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| {
                format!("perf cannot be started ({error}): it is Debian's package `linux-perf`")
            })?;
        Ok(Self {
            whose,
            folder,
            perf,
        })
    }

    /// What it saw, as a page.
    pub(crate) async fn read(mut self) -> Result<String> {
        let status = self.perf.wait().await?;
        if !status.success() {
            return Err(format!("perf ended with {status}").into());
        }
        let report = Command::new("perf")
            .args([
                "report",
                "--no-children",
                "--stdio",
                "--sort",
                "dso,sym",
                "--input",
            ])
            .arg(self.folder.path().join(Self::FILE))
            .stdin(Stdio::null())
            .output()
            .await?;
        let text = String::from_utf8_lossy(&report.stdout);
        let functions: Vec<_> = text.lines().filter_map(function).collect();
        // A store may have nothing to do.
        if functions.is_empty() && self.whose == Whose::Service {
            return Err("perf saw nothing of the service".into());
        }
        Ok(page(self.whose, &functions))
    }
}

impl Whose {
    const fn name(self) -> &'static str {
        match self {
            Self::Service => "the service",
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis",
        }
    }

    /// So many functions are named.
    const fn named(self) -> usize {
        match self {
            Self::Service => 25,
            Self::Postgres | Self::Redis => 12,
        }
    }

    /// What a function belongs to: of a store, the program or the library that it is in.
    fn part<'a>(self, object: &'a str, name: &str) -> &'a str {
        match self {
            _ if object.contains("kernel") => "kernel",
            Self::Service => part(object, name),
            Self::Postgres | Self::Redis => object,
        }
    }
}

/// A line of the report: share in percent, object and function.
fn function(line: &str) -> Option<(f64, &str, &str)> {
    let (share, rest) = line.trim_start().split_once('%')?;
    let (object, rest) = rest.trim_start().split_once(' ')?;
    let (_, name) = rest.trim_start().split_once("] ")?;
    Some((share.parse().ok()?, object, name.trim()))
}

fn part(object: &str, name: &str) -> &'static str {
    let is_mimalloc = name.trim_start_matches('_').starts_with("mi_");
    let is_libc = object.contains("libc") && ALLOCATION.iter().any(|word| name.contains(word));
    if is_mimalloc || is_libc {
        return "allocation";
    }
    let named = PARTS
        .iter()
        .find(|(_, words)| words.iter().any(|word| name.contains(word)));
    named.map_or("other libraries", |(part, _)| part)
}

fn page(whose: Whose, functions: &[(f64, &str, &str)]) -> String {
    let mut parts = BTreeMap::new();
    for (share, object, name) in functions {
        *parts.entry(whose.part(object, name)).or_insert(0.0) += share;
    }
    let mut parts: Vec<_> = parts.into_iter().collect();
    parts.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let mut text = format!("| part of {} | % |\n|---|---|\n", whose.name());
    // Writing to a String cannot fail.
    for (part, share) in parts {
        let _ = writeln!(text, "| {part} | {share:.1} |");
    }
    text += "\n| function | % |\n|---|---|\n";
    for (share, object, name) in functions.iter().take(whose.named()) {
        let whose = if object.contains("kernel") {
            "kernel, "
        } else {
            ""
        };
        let name = name.replace('|', "\\|");
        let _ = writeln!(text, "| {whose}`{name}` | {share:.1} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_told_by_part() {
        let report = "# Overhead\n     7.74%  [kernel.kallsyms]  [k] finish_task_switch\n     \
            2.00%  libc.so.6          [.] _int_free\n     1.50%  roster             [.] \
            <sqlx_core::pool::Pool as core::fmt::Debug>::fmt\n     0.50%  roster             [.] \
            roster_app::caching::line::Line<T>::enter\n     0.25%  roster             [.] \
            _mi_page_malloc_zero\n\n";
        let functions: Vec<_> = report.lines().filter_map(function).collect();
        assert_eq!(functions.len(), 5);
        let text = page(Whose::Service, &functions);
        for line in [
            "| kernel | 7.7 |",
            "| allocation | 2.2 |",
            "| PostgreSQL client | 1.5 |",
            "| Roster | 0.5 |",
            "| kernel, `finish_task_switch` | 7.7 |",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }

    #[test]
    fn the_time_of_a_store_is_told_by_library() {
        let functions = [
            (40.0, "[kernel.kallsyms]", "tcp_sendmsg"),
            (30.0, "redis-check-rdb", "0x0000000000084b10"),
            (20.0, "liblua5.1.so.0.0.0", "luaV_execute"),
        ];
        let text = page(Whose::Redis, &functions);
        for line in ["| kernel | 40.0 |", "| liblua5.1.so.0.0.0 | 20.0 |"] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }
}
