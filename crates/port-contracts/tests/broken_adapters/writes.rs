//! Writes as values, broken in one rule.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use roster_domain::ports::{
    KeptAnswer, Once, Outcome, Performed, StoreError, UserRepository, UserWrites, Write,
    WriteError, WriteRefusal,
};
use roster_domain::{Fingerprint, KeySlot, Timestamp, UserReplacement};

use super::Store;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteRule {
    DoneAgain,
    RequestIgnored,
    AnswersWhatIsNow,
    RefusalUsesKey,
    AbsenceUsesKey,
    MergesEarly,
    ForgetsYoung,
    ForgetsAll,
    PurgeLeavesAnswers,
    KeepsAll,
    CrowdsOutItself,
    BoundsAll,
}

pub(crate) fn broken(rule: WriteRule) -> Store {
    let sound = Store::sound();
    let writes = Writes {
        inner: Arc::clone(&sound.writes),
        users: Arc::clone(&sound.users),
        rule,
        notes: Mutex::default(),
    };
    Store {
        writes: Arc::new(writes),
        ..sound
    }
}

/// What a broken adapter must remember to be wrong.
#[derive(Default)]
struct Notes {
    used_up: HashSet<KeySlot>,
    first: HashMap<KeySlot, Fingerprint>,
    answers: HashMap<KeySlot, KeptAnswer>,
    earliest: Option<Timestamp>,
    gone: HashSet<KeySlot>,
}

impl Notes {
    /// Remembers an answer, and which one a store would do without that bounds them wrongly.
    fn keep(&mut self, rule: WriteRule, slot: KeySlot, kept: KeptAnswer, at: Timestamp) {
        let is_earliest = self.earliest.is_none_or(|earliest| at < earliest);
        if is_earliest {
            self.earliest = Some(at);
        }
        let user = kept.user;
        self.answers.insert(slot, kept);
        if self.answers.len() <= usize::from(KeptAnswer::MOST) {
            return;
        }
        let others = self.answers.iter().filter(|(_, other)| other.user != user);
        match rule {
            WriteRule::CrowdsOutItself if is_earliest => self.gone.extend([slot]),
            WriteRule::BoundsAll => self.gone.extend(others.map(|(slot, _)| *slot)),
            _ => {}
        }
    }
}

struct Writes {
    inner: Arc<dyn UserWrites>,
    users: Arc<dyn UserRepository>,
    rule: WriteRule,
    notes: Mutex<Notes>,
}

impl Writes {
    fn is(&self, rule: WriteRule) -> bool {
        self.rule == rule
    }

    /// Reads the row, lets others run, and stores what it merged over whatever is there then.
    async fn merge_early(
        &self,
        write: &Write,
        at: Timestamp,
    ) -> Result<Option<Performed>, WriteRefusal> {
        let Write::Update {
            id,
            patch,
            expected: None,
        } = write
        else {
            return Ok(None);
        };
        let Some(before) = self.users.find_many(&[*id]).await?.pop() else {
            return Ok(None);
        };
        tokio::task::yield_now().await;
        let (Ok(merged), Some(now)) = (
            patch.merged_into(&before),
            self.users.find_many(&[*id]).await?.pop(),
        ) else {
            return Ok(None);
        };
        let replacement = UserReplacement {
            expected: now.version,
            ..UserReplacement::by(&merged)
        };
        let written = self.users.replace(&replacement, at).await?;
        Ok(written.map(|written| Performed::Done(Outcome::User(written.user))))
    }
}

#[async_trait]
impl UserWrites for Writes {
    async fn perform(
        &self,
        write: &Write,
        at: Timestamp,
        once: Option<Once>,
    ) -> Result<Performed, WriteRefusal> {
        if self.is(WriteRule::MergesEarly)
            && once.is_none()
            && let Some(performed) = self.merge_early(write, at).await?
        {
            return Ok(performed);
        }
        let Some(mut asked) = once else {
            return self.inner.perform(write, at, None).await;
        };
        let first = {
            let mut notes = self.notes.lock().unwrap();
            *notes.first.entry(asked.slot).or_insert(asked.request)
        };
        if self.is(WriteRule::RequestIgnored) {
            asked.request = first;
        }
        if self.notes.lock().unwrap().gone.contains(&asked.slot) {
            return self.inner.perform(write, at, None).await;
        }
        if self.notes.lock().unwrap().used_up.contains(&asked.slot) {
            return Err(WriteRefusal::KeyReused);
        }
        let kept = self.notes.lock().unwrap().answers.get(&asked.slot).cloned();
        let is_another = kept.is_some() && first != asked.request;
        if self.is(WriteRule::KeepsAll) && is_another {
            return Err(WriteRefusal::KeyReused);
        }
        if let Some(kept) = kept
            && self.is(WriteRule::PurgeLeavesAnswers)
            && self.users.find_many(&[kept.user]).await?.is_empty()
        {
            return Ok(Performed::Replayed(kept));
        }
        let mut performed = self.inner.perform(write, at, Some(asked)).await;
        let mut uses_up = false;
        match &mut performed {
            Ok(Performed::Replayed(kept)) => {
                if self.is(WriteRule::DoneAgain) {
                    // Where it cannot be, it is at least not seen.
                    let _ = self.inner.perform(write, at, None).await;
                }
                if self.is(WriteRule::AnswersWhatIsNow) && kept.version.is_some() {
                    let now = self.users.find_many(&[kept.user]).await?.pop();
                    kept.version = now.map(|user| user.version);
                }
                let mut notes = self.notes.lock().unwrap();
                notes.answers.insert(asked.slot, kept.clone());
            }
            Ok(Performed::Absent) => uses_up = self.is(WriteRule::AbsenceUsesKey),
            Err(WriteRefusal::Write(WriteError::VersionMismatch { .. })) => {
                uses_up = self.is(WriteRule::RefusalUsesKey);
            }
            Ok(Performed::Done(outcome)) => {
                let kept = KeptAnswer {
                    user: write.user(),
                    version: outcome.version(),
                    octets: (asked.keep)(write.user(), outcome),
                };
                let mut notes = self.notes.lock().unwrap();
                notes.keep(self.rule, asked.slot, kept, at);
            }
            Err(_) => {}
        }
        if uses_up {
            self.notes.lock().unwrap().used_up.insert(asked.slot);
        }
        performed
    }

    async fn forget_answers(&self, moment: Timestamp, limit: u32) -> Result<u64, StoreError> {
        if self.is(WriteRule::KeepsAll) {
            self.notes.lock().unwrap().answers.clear();
        }
        if self.is(WriteRule::ForgetsYoung) {
            let later = moment.plus(std::time::Duration::from_micros(1));
            return self.inner.forget_answers(later, limit).await;
        }
        let limit = if self.is(WriteRule::ForgetsAll) {
            u32::MAX
        } else {
            limit
        };
        self.inner.forget_answers(moment, limit).await
    }
}
