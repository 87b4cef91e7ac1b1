//! How far a command has come, on the standard error stream: a bar on a terminal, else a line
//! every few seconds.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use roster_domain::ports::Clock;

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How far a command has come.
pub(crate) struct Progress {
    clock: Arc<dyn Clock>,
    bar: Option<ProgressBar>,
    began: Duration,
    told: Duration,
}

/// A moment of the work.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Step {
    /// How much is done.
    pub(crate) done: u64,
    /// What is counted, in the plural.
    pub(crate) unit: &'static str,
    /// How far that is, out of how far it goes, in any measure; `None` when nobody knows.
    pub(crate) way: Option<(u64, u64)>,
}

impl Progress {
    /// Begins now.
    pub(crate) fn start(clock: Arc<dyn Clock>) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:30} {msg}");
            let bar = ProgressBar::no_length();
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        let began = clock.monotonic();
        Self {
            clock,
            bar,
            began,
            told: began,
        }
    }

    /// Tells a step.
    pub(crate) fn tell(&mut self, step: Step) {
        let now = self.clock.monotonic();
        if let Some(bar) = &self.bar {
            if let Some((position, length)) = step.way {
                bar.set_length(length);
                bar.set_position(position);
            }
            bar.set_message(step.describe(now.saturating_sub(self.began)));
        } else if now.saturating_sub(self.told) >= LINE_EVERY {
            self.told = now;
            write_line(&step.describe(now.saturating_sub(self.began)));
        }
    }

    /// Writes a line that stays, above the bar.
    pub(crate) fn line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| write_line(line)),
            None => write_line(line),
        }
    }

    /// Takes the bar away and writes what came of it, with how long it took.
    pub(crate) fn finish(self, done: u64, summary: &str) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let took = self.clock.monotonic().saturating_sub(self.began);
        let (seconds, rate) = (took.as_secs_f64(), grouped(per_second(done, took)));
        write_line(&format!("{summary} in {seconds:.1} s, {rate}/s"));
    }
}

impl Step {
    fn describe(&self, took: Duration) -> String {
        let rate = grouped(per_second(self.done, took));
        let mut text = format!("{} {}, {rate}/s", grouped(self.done), self.unit);
        if let Some((position, length)) = self.way.filter(|(_, length)| *length > 0) {
            let percent = u128::from(position) * 100 / u128::from(length);
            let left = length.saturating_sub(position);
            let seconds = u128::from(left) * took.as_millis() / u128::from(position.max(1)) / 1_000;
            // Writing to a String cannot fail.
            let _ = write!(text, ", {percent} %, {seconds} s left");
        }
        text
    }
}

fn per_second(done: u64, took: Duration) -> u64 {
    let rate = u128::from(done) * 1_000_000 / took.as_micros().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// A number with commas between its thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A closed stream has nobody to be told about it.
fn write_line(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_says_how_fast_it_goes_and_how_long_it_will_take() {
        let step = Step {
            done: 250_000,
            unit: "users",
            way: Some((250_000, 1_000_000)),
        };
        assert_eq!(
            step.describe(Duration::from_secs(10)),
            "250,000 users, 25,000/s, 25 %, 30 s left"
        );
        let unknown = Step { way: None, ..step };
        assert_eq!(
            unknown.describe(Duration::from_secs(10)),
            "250,000 users, 25,000/s"
        );
        // Nothing is done yet and no time has passed.
        assert_eq!(
            Step {
                done: 0,
                way: Some((0, 7)),
                unit: "rows"
            }
            .describe(Duration::ZERO),
            "0 rows, 0/s, 0 %, 0 s left"
        );
    }

    #[test]
    fn thousands_are_grouped() {
        let texts = [0, 999, 1_000, 12_345, 1_000_000].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "12,345", "1,000,000"]);
    }
}
