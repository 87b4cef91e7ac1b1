//! The rules that the bound rests on, and how far it is searched.

/// Section 7 of the protocol, rule by rule; each can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The local time of a probe is noted before it is sent.
    NoteBeforeProbe,
    /// A proof ends with the data and the connection that it speaks of.
    ProofEnds,
    /// A watermark of another server's clock proves nothing.
    OneClock,
    /// The proof is taken before the value, or with it.
    ProofFirst,
    /// `r0` is read on the connection that the round goes on with.
    TimeOfThisConnection,
    /// A round uses one connection from end to end.
    OneConnection,
    /// The incarnation is read when the round starts, and again when the watermark is set.
    LabelOfThisRound,
    /// What is pending is read after `r0`.
    SnapshotAfterTime,
    /// A watermark that is missing, or too old for the retention of the change log, raises the epoch.
    RaiseAfterGap,
    /// How old the watermark is, is judged by the time of the snapshot itself, not by a look before it.
    JudgeBySnapshot,
    /// A snapshot after a raise is judged, too: by the time of the snapshot that led to the raise.
    JudgeAfterRaise,
    /// A value carries the epoch that was known before its row was read.
    EpochBeforeRow,
    /// An answer from the database is as old as its statement.
    RowAges,
}

/// How far a search goes. Times are in ticks.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one more thing that may happen"
)]
pub(crate) struct Bounds {
    pub(crate) writes: u8,
    pub(crate) loads: usize,
    pub(crate) relays: usize,
    pub(crate) promotions: u8,
    /// How long the change log keeps a row.
    pub(crate) retention: i8,
    /// From here on, older is the same.
    pub(crate) oldest: i8,
    /// What each server's clock shows more than the true time.
    pub(crate) clocks: [i8; 2],
    /// Whether the key and the watermark are evicted.
    pub(crate) evictions: bool,
    /// Whether the reader connects to a replica, too, and takes its word.
    pub(crate) strays: bool,
    /// Whether a process may fill for an epoch that it does not know to be raised yet.
    pub(crate) late_epochs: bool,
    /// A value and a watermark are there from the start.
    pub(crate) warm: bool,
    /// Replies are received at once, unless a push is before them. What is received later can prove no more: a proof
    /// grows older in the connection as it does in the node, and what a reply brought would be near for less long.
    pub(crate) prompt: bool,
}

impl Bounds {
    pub(crate) const fn quick() -> Self {
        Self {
            writes: 1,
            loads: 1,
            relays: 1,
            promotions: 0,
            retention: 2,
            oldest: 3,
            clocks: [0, 0],
            evictions: false,
            strays: false,
            late_epochs: false,
            warm: false,
            prompt: false,
        }
    }

    /// How long a transaction may last, and a watermark be old.
    pub(crate) const fn half(&self) -> i8 {
        self.retention / 2
    }
}
