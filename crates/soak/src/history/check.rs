use std::collections::HashMap;
use std::time::Duration;

use super::ledger::Ledger;
use super::{Finals, History, Kind, Read, ReadOutcome, Verdict, Violation, WriteOutcome};

/// Finds every answer that the guarantee does not allow.
///
/// Times are compared on the clock of the records alone. An answer is made at some moment
/// between its request and its arrival; the check takes the earliest, at which the fewest
/// writes are acknowledged, so that nothing allowed is ever called a violation.
pub fn check(history: &History, finals: &Finals) -> Verdict {
    let mut check = Check {
        history,
        ledger: Ledger::of(history, finals),
        contents: HashMap::new(),
        violations: Vec::new(),
    };
    check.writes();
    check.effects();
    check.reads();
    let mut violations = check.violations;
    violations.sort_by_key(|violation| violation.late_by);
    Verdict { violations }
}

struct Check<'h> {
    history: &'h History,
    ledger: Ledger,
    /// The value that each version of a user was first answered with.
    contents: HashMap<(usize, u64), u64>,
    violations: Vec<Violation>,
}

/// One answer with a user in it.
#[derive(Clone, Copy)]
struct Found<'h> {
    index: usize,
    read: &'h Read,
    version: u64,
    value: Option<u64>,
    bound: Option<Duration>,
}

impl<'h> Check<'h> {
    fn writes(&mut self) {
        for (index, write) in self.history.writes.iter().enumerate() {
            let entry = self.ledger.entry(write.key);
            let version = match write.outcome {
                WriteOutcome::Done(version) => version,
                WriteOutcome::Refused(404) => {
                    let text = "404 to a write".to_owned();
                    self.tell_write(Kind::Denied, write.key, Some(index), text);
                    continue;
                }
                WriteOutcome::Refused(_) | WriteOutcome::Lost => continue,
            };
            let (last, _) = entry.last;
            let doubled = entry.by_version.get(&version) != Some(&index);
            let before = entry.acknowledged_before(write.sent);
            let said = format!(
                "write of value {} was acknowledged at version {version}",
                write.value
            );
            if doubled || version > last || version < 2 {
                let more = if doubled {
                    ", and another write has that version"
                } else {
                    ""
                };
                let text = format!("{said}; the row holds {last} in the end{more}");
                self.tell_write(Kind::LostWrite, write.key, Some(index), text);
            } else if let Some((newest, _)) = before
                && newest >= version
            {
                let text = format!("{said}, and {newest} had been before it was sent");
                self.tell_write(Kind::LostWrite, write.key, Some(index), text);
            }
        }
    }

    /// Every version above the first is the effect of one write.
    fn effects(&mut self) {
        let mut told = Vec::new();
        for (key, entry) in self.ledger.entries() {
            let (last, value) = entry.last;
            let (sure, unsure) = (entry.by_version.len() as u64, entry.unsure);
            let effects = last.saturating_sub(1);
            if effects < sure || effects > sure + unsure {
                told.push((
                    key,
                    format!(
                        "the row is at version {last}, after {sure} acknowledged writes and {unsure} of unknown effect"
                    ),
                ));
            }
            let wrote = entry.by_version.get(&last);
            let wrote = wrote.map(|write| self.history.writes[*write].value);
            if let (Some(wrote), Some(value)) = (wrote, value)
                && wrote != value
            {
                told.push((
                    key,
                    format!("the row holds value {value} at version {last}, which wrote {wrote}"),
                ));
            }
        }
        for (key, text) in told {
            self.tell_write(Kind::LostWrite, key, None, text);
        }
    }

    fn reads(&mut self) {
        let mut seen: HashMap<(usize, usize), u64> = HashMap::new();
        for (index, read) in self.history.reads.iter().enumerate() {
            match read.outcome {
                ReadOutcome::Found {
                    version,
                    value,
                    bound,
                    ..
                } => {
                    let found = Found {
                        index,
                        read,
                        version,
                        value,
                        bound,
                    };
                    self.age(found);
                    self.own_write(found);
                    self.content(found);
                    let seen = seen.entry((read.client, read.key)).or_default();
                    self.presented(found, *seen);
                    *seen = (*seen).max(version);
                    self.quiet(found);
                }
                ReadOutcome::Absent | ReadOutcome::Ahead => {
                    self.tell(Kind::Denied, index, format!("{:?}", read.outcome));
                }
                ReadOutcome::Refused(_) | ReadOutcome::Lost => {}
            }
        }
    }

    /// Nothing newer was acknowledged longer ago than the answer says; from the primary, before
    /// it was asked.
    fn age(&mut self, found: Found<'h>) {
        let read = found.read;
        let bound = if read.strong {
            Some(Duration::ZERO)
        } else {
            found.bound
        };
        let Some(moment) = bound.and_then(|bound| read.sent.checked_sub(bound)) else {
            return;
        };
        let entry = self.ledger.entry(read.key);
        let Some((newest, write)) = entry.acknowledged_before(moment) else {
            return;
        };
        if found.version < newest {
            let first = entry.first_above(found.version).unwrap_or(write);
            let answered = self.history.writes[first].answered;
            let claim = match (read.strong, bound) {
                (true, _) | (_, None) => "from the primary".to_owned(),
                (false, Some(bound)) => format!("with a bound of {:.3} s", bound.as_secs_f64()),
            };
            let text = format!(
                "version {} {claim}, {:.3} s after a newer one was acknowledged; version {newest} was by then",
                found.version,
                read.sent.saturating_sub(answered).as_secs_f64(),
            );
            let late_by = moment.saturating_sub(answered);
            self.tell_overlooked(Kind::StaleBeyondBound, found, first, late_by, text);
        }
    }

    /// While Redis keeps what it acknowledged, a process answers no less than that.
    fn own_write(&mut self, found: Found<'h>) {
        if !self.history.redis_keeps {
            return;
        }
        let read = found.read;
        let entry = self.ledger.entry(read.key);
        if let Some((newest, write)) = entry.own_before((read.node, read.life), read.sent)
            && found.version < newest
        {
            let text = format!(
                "version {}, and this process had acknowledged {newest}",
                found.version
            );
            let late_by = read
                .sent
                .saturating_sub(self.history.writes[write].answered);
            self.tell_overlooked(Kind::BelowOwnWrite, found, write, late_by, text);
        }
    }

    /// The version is one that was written, by then, and has what was written with it.
    fn content(&mut self, found: Found<'h>) {
        let Found {
            index,
            read,
            version,
            ..
        } = found;
        let entry = self.ledger.entry(read.key);
        let (last, _) = entry.last;
        if version == 0 || version > last {
            let text = format!("version {version}; the row holds {last} in the end");
            return self.tell(Kind::NeverWritten, index, text);
        }
        let Some(value) = found.value else {
            return self.tell(
                Kind::WrongContent,
                index,
                format!("version {version}, empty"),
            );
        };
        let write = entry.write_of(self.history, value);
        let right = match write.map(|write| write.outcome) {
            // What everybody has in the beginning.
            None => value == 0 && version == 1,
            Some(WriteOutcome::Done(done)) => done == version,
            // Its answer was lost, so it may have made any version that no other write has.
            Some(_) => version > 1 && !entry.by_version.contains_key(&version),
        };
        let first = *self.contents.entry((read.key, version)).or_insert(value);
        if !right || first != value {
            let text = format!("version {version} with value {value}");
            return self.tell(Kind::WrongContent, index, text);
        }
        if let Some(write) = write
            && write.sent > read.answered
        {
            let text = format!("version {version}, before its write was sent");
            self.tell(Kind::TooEarly, index, text);
        }
    }

    /// Who presents a version gets no less, and who presents what it saw is not taken back.
    fn presented(&mut self, found: Found<'h>, seen: u64) {
        let Found { index, version, .. } = found;
        let presented = found.read.min_version;
        if presented > 0 && version < seen {
            let text = format!("version {version} after {seen}");
            self.tell(Kind::WentBack, index, text);
        }
        if version < presented {
            let text = format!("version {version}, and {presented} was presented");
            self.tell(Kind::BelowMinimum, index, text);
        }
    }

    /// When nobody writes and everything works, all answer the last version.
    fn quiet(&mut self, found: Found<'h>) {
        let read = found.read;
        let within = self
            .history
            .quiets
            .iter()
            .find(|quiet| quiet.from <= read.sent && read.sent < quiet.until);
        let Some(last) = within.map(|quiet| quiet.versions[read.key]) else {
            return;
        };
        if found.version != last {
            let entry = self.ledger.entry(read.key);
            let text = format!(
                "version {} after quiet; the row holds {last}",
                found.version
            );
            match entry.first_above(found.version) {
                Some(first) => {
                    let answered = self.history.writes[first].answered;
                    let late_by = read.sent.saturating_sub(answered);
                    self.tell_overlooked(Kind::NotConverged, found, first, late_by, text);
                }
                None => self.tell(Kind::NotConverged, found.index, text),
            }
        }
    }

    fn tell(&mut self, kind: Kind, read: usize, text: String) {
        self.violations.push(Violation {
            kind,
            key: self.history.reads[read].key,
            read: Some(read),
            write: None,
            late_by: Duration::ZERO,
            text,
        });
    }

    fn tell_overlooked(
        &mut self,
        kind: Kind,
        found: Found<'h>,
        write: usize,
        late_by: Duration,
        text: String,
    ) {
        self.violations.push(Violation {
            kind,
            key: found.read.key,
            read: Some(found.index),
            write: Some(write),
            late_by,
            text,
        });
    }

    fn tell_write(&mut self, kind: Kind, key: usize, write: Option<usize>, text: String) {
        self.violations.push(Violation {
            kind,
            key,
            read: None,
            write,
            late_by: Duration::ZERO,
            text,
        });
    }
}
