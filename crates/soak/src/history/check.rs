use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use super::{Finals, History, Read, ReadOutcome, Write, WriteOutcome};

/// One answer that the guarantee does not allow.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which sentence it breaks.
    pub kind: Kind,
    /// Which user.
    pub key: usize,
    /// The answer, as an index of the reads; none where a row is wrong.
    pub read: Option<usize>,
    /// The write that it overlooked, as an index of the writes.
    pub write: Option<usize>,
    /// By how much, where that is a time: to find the shortest.
    pub late_by: Duration,
    /// In words.
    pub text: String,
}

/// Which sentence of the guarantee is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A newer version was acknowledged longer ago than the answer's bound.
    StaleBeyondBound,
    /// A version below the one that was presented.
    BelowMinimum,
    /// A client that presents what it saw was answered less.
    WentBack,
    /// A version that no write made.
    NeverWritten,
    /// A version with the content of another.
    WrongContent,
    /// An existing user was answered as absent, or as older than what was presented.
    Denied,
    /// An acknowledged write is not in the row, or one has two effects.
    LostWrite,
    /// After quiet, something other than the last version was answered.
    NotConverged,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StaleBeyondBound => "stale beyond its bound",
            Self::BelowMinimum => "below the version presented",
            Self::WentBack => "went back for one client",
            Self::NeverWritten => "never written",
            Self::WrongContent => "content of another version",
            Self::Denied => "existing user denied",
            Self::LostWrite => "acknowledged write lost or doubled",
            Self::NotConverged => "not the last version after quiet",
        })
    }
}

/// What the check came to.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// What is not allowed, the shortest first.
    pub violations: Vec<Violation>,
}

impl Verdict {
    /// How many there are of each kind.
    pub fn counts(&self) -> BTreeMap<Kind, usize> {
        let mut counts = BTreeMap::new();
        for violation in &self.violations {
            *counts.entry(violation.kind).or_default() += 1;
        }
        counts
    }
}

/// What is acknowledged of one key.
#[derive(Default)]
struct Acknowledged {
    /// By the time of the acknowledgement: that time, the newest version so far, and its write.
    newest: Vec<(Duration, u64, usize)>,
    /// The value of each version.
    values: HashMap<u64, u64>,
    /// Values of writes of which nobody knows whether they happened.
    unsure: Vec<u64>,
}

impl Acknowledged {
    /// The newest version that was acknowledged before a moment.
    fn before(&self, moment: Duration) -> Option<(u64, usize)> {
        let end = self.newest.partition_point(|(at, ..)| *at < moment);
        let (_, version, write) = self.newest.get(end.checked_sub(1)?)?;
        Some((*version, *write))
    }
}

/// Finds every answer that the guarantee does not allow.
///
/// Times are compared on the clock of the records alone. An answer is made at some moment
/// between its request and its arrival; the check takes the earliest, at which the fewest
/// writes are acknowledged, so that nothing allowed is ever called a violation.
pub fn check(history: &History, finals: &Finals) -> Verdict {
    let mut check = Check {
        history,
        finals,
        acknowledged: (0..finals.0.len())
            .map(|_| Acknowledged::default())
            .collect(),
        violations: Vec::new(),
    };
    check.writes();
    check.reads();
    let mut violations = check.violations;
    violations.sort_by_key(|violation| violation.late_by);
    Verdict { violations }
}

struct Check<'h> {
    history: &'h History,
    finals: &'h Finals,
    acknowledged: Vec<Acknowledged>,
    violations: Vec<Violation>,
}

impl Check<'_> {
    fn writes(&mut self) {
        let history = self.history;
        for (index, write) in history.writes.iter().enumerate() {
            let key = &mut self.acknowledged[write.key];
            let WriteOutcome::Done(version) = write.outcome else {
                key.unsure.push(write.value);
                continue;
            };
            key.newest.push((write.answered, version, index));
            let doubled = key.values.insert(version, write.value).is_some();
            let last = self.finals.0[write.key].0;
            if doubled || version > last || version < 2 {
                let text = format!(
                    "write of value {} was acknowledged at version {version}; the row holds {last} in the end{}",
                    write.value,
                    if doubled {
                        ", and another write has that version"
                    } else {
                        ""
                    },
                );
                self.tell(
                    Kind::LostWrite,
                    write.key,
                    None,
                    Some(index),
                    Duration::ZERO,
                    text,
                );
            }
        }
        for key in 0..self.acknowledged.len() {
            self.count_effects(key);
            let newest = &mut self.acknowledged[key].newest;
            newest.sort_unstable();
            let mut most = (0, 0);
            for (_, version, write) in newest {
                if *version > most.0 {
                    most = (*version, *write);
                }
                (*version, *write) = most;
            }
        }
    }

    /// Every version above the first is the effect of one write.
    fn count_effects(&mut self, key: usize) {
        let (last, value) = self.finals.0[key];
        let of = &self.acknowledged[key];
        let (sure, unsure) = (of.values.len() as u64, of.unsure.len() as u64);
        let effects = last.saturating_sub(1);
        if effects < sure || effects > sure + unsure {
            let text = format!(
                "the row is at version {last}, after {sure} acknowledged writes and {unsure} of unknown effect"
            );
            self.tell(Kind::LostWrite, key, None, None, Duration::ZERO, text);
        }
        let known = self.acknowledged[key].values.get(&last);
        if let (Some(known), Some(value)) = (known, value)
            && *known != value
        {
            let text =
                format!("the row holds value {value} at version {last}, which wrote {known}");
            self.tell(Kind::LostWrite, key, None, None, Duration::ZERO, text);
        }
    }

    fn reads(&mut self) {
        let history = self.history;
        let mut presented: HashMap<(usize, usize), u64> = HashMap::new();
        for (index, read) in history.reads.iter().enumerate() {
            match &read.outcome {
                ReadOutcome::Found {
                    version,
                    value,
                    bound,
                    ..
                } => {
                    self.bound(index, read, *version, *bound);
                    self.content(index, read, *version, *value);
                    let seen = presented.entry((read.client, read.key)).or_default();
                    // Only those who present what they saw are promised anything.
                    let went_back = read.min_version > 0 && *version < *seen;
                    let seen_before = *seen;
                    *seen = (*seen).max(*version);
                    if went_back {
                        let text = format!("version {version} after {seen_before}");
                        self.tell(
                            Kind::WentBack,
                            read.key,
                            Some(index),
                            None,
                            Duration::ZERO,
                            text,
                        );
                    }
                    if *version < read.min_version {
                        let text =
                            format!("version {version}, and {} was presented", read.min_version);
                        self.tell(
                            Kind::BelowMinimum,
                            read.key,
                            Some(index),
                            None,
                            Duration::ZERO,
                            text,
                        );
                    }
                    let last = self.finals.0[read.key].0;
                    if history.quiet_from.is_some_and(|quiet| read.sent >= quiet)
                        && *version != last
                    {
                        let text = format!("version {version} after quiet; the row holds {last}");
                        self.tell(
                            Kind::NotConverged,
                            read.key,
                            Some(index),
                            None,
                            Duration::ZERO,
                            text,
                        );
                    }
                }
                ReadOutcome::Absent | ReadOutcome::Ahead => {
                    let text = format!("{:?}", read.outcome);
                    self.tell(
                        Kind::Denied,
                        read.key,
                        Some(index),
                        None,
                        Duration::ZERO,
                        text,
                    );
                }
                ReadOutcome::Refused(_) | ReadOutcome::Lost => {}
            }
        }
    }

    fn bound(&mut self, index: usize, read: &Read, version: u64, bound: Option<Duration>) {
        let Some(bound) = bound else { return };
        let Some(moment) = read.sent.checked_sub(bound) else {
            return;
        };
        let Some((newest, write)) = self.acknowledged[read.key].before(moment) else {
            return;
        };
        if version < newest {
            let first = self.first_above(read.key, version).unwrap_or(write);
            let Write { answered, .. } = self.history.writes[first];
            let late_by = moment.saturating_sub(answered);
            let text = format!(
                "version {version} with a bound of {:.3} s, {:.3} s after a newer one was acknowledged; \
                 version {newest} was by then",
                bound.as_secs_f64(),
                read.sent.saturating_sub(answered).as_secs_f64(),
            );
            self.tell(
                Kind::StaleBeyondBound,
                read.key,
                Some(index),
                Some(first),
                late_by,
                text,
            );
        }
    }

    /// The write whose acknowledgement first made a version old.
    fn first_above(&self, key: usize, version: u64) -> Option<usize> {
        let newest = &self.acknowledged[key].newest;
        let first = newest.partition_point(|(_, newest, _)| *newest <= version);
        newest.get(first).map(|(.., write)| *write)
    }

    fn content(&mut self, index: usize, read: &Read, version: u64, value: Option<u64>) {
        let last = self.finals.0[read.key].0;
        if version == 0 || version > last {
            let text = format!("version {version}; the row holds {last} in the end");
            return self.tell(
                Kind::NeverWritten,
                read.key,
                Some(index),
                None,
                Duration::ZERO,
                text,
            );
        }
        let Some(value) = value else { return };
        let of = &self.acknowledged[read.key];
        let right = match of.values.get(&version) {
            Some(known) => *known == value,
            None if version == 1 => value == 0,
            // Made by a write whose answer was lost.
            None => of.unsure.contains(&value),
        };
        if !right {
            let text = format!("version {version} with value {value}");
            self.tell(
                Kind::WrongContent,
                read.key,
                Some(index),
                None,
                Duration::ZERO,
                text,
            );
        }
    }

    fn tell(
        &mut self,
        kind: Kind,
        key: usize,
        read: Option<usize>,
        write: Option<usize>,
        late_by: Duration,
        text: String,
    ) {
        self.violations.push(Violation {
            kind,
            key,
            read,
            write,
            late_by,
            text,
        });
    }
}
