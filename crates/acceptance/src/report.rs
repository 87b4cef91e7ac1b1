use std::io::Write as _;

/// The lines of the table, printed as they come and once more at the end.
#[derive(Default)]
pub(crate) struct Report {
    store: &'static str,
    lines: Vec<Line>,
}

struct Line {
    store: &'static str,
    check: String,
    verdict: Verdict,
    seen: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ok,
    Miss,
    Note,
}

impl Report {
    /// The lines from here on are about this store.
    pub(crate) fn begin(&mut self, store: &'static str) {
        self.store = store;
    }

    /// Something that must hold, and what was seen.
    pub(crate) fn check(&mut self, check: &str, holds: bool, seen: impl Into<String>) {
        self.add(
            check,
            if holds { Verdict::Ok } else { Verdict::Miss },
            seen.into(),
        );
    }

    /// Something that must hold and does not.
    pub(crate) fn miss(&mut self, check: &str, seen: impl Into<String>) {
        self.add(check, Verdict::Miss, seen.into());
    }

    /// A figure for the record.
    pub(crate) fn note(&mut self, check: &str, seen: impl Into<String>) {
        self.add(check, Verdict::Note, seen.into());
    }

    /// Whether nothing was missed.
    pub(crate) fn ok(&self) -> bool {
        self.lines.iter().all(|line| line.verdict != Verdict::Miss)
    }

    /// Prints the table, and a closing line that counts.
    pub(crate) fn print(&self) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(
            out,
            "\n| store | check | verdict | seen |\n|---|---|---|---|"
        );
        for line in &self.lines {
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} |",
                line.store,
                line.check,
                line.verdict.word(),
                line.seen
            );
        }
        let count = |verdict| {
            self.lines
                .iter()
                .filter(|line| line.verdict == verdict)
                .count()
        };
        let _ = writeln!(
            out,
            "\nacceptance: {} passed, {} failed",
            count(Verdict::Ok),
            count(Verdict::Miss)
        );
    }

    fn add(&mut self, check: &str, verdict: Verdict, seen: String) {
        let line = Line {
            store: self.store,
            check: check.to_owned(),
            verdict,
            seen,
        };
        let mut out = std::io::stdout().lock();
        let _ = writeln!(
            out,
            "{:8} {:36} {:4} {}",
            line.store,
            line.check,
            line.verdict.word(),
            line.seen
        );
        let _ = out.flush();
        self.lines.push(line);
    }
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Miss => "MISS",
            Self::Note => "",
        }
    }
}
