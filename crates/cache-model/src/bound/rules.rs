//! The rules that the bound rests on, and how far it is searched.

/// Section 7 of the protocol, rule by rule, and where the code keeps it; each can be left out.
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
    /// `set_watermark.lua` refuses when `master_replid` is no longer that of the start: a server that was demoted and
    /// promoted since has kept its clock, and other data.
    HistoryAtTheEnd,
    /// `set_watermark.lua` refuses when a watermark of the same clock and epoch is there that is not older.
    NeverBack,
    /// What is pending is read after `r0`.
    SnapshotAfterTime,
    /// A watermark that is missing, or too old for the retention of the change log, raises the epoch.
    RaiseAfterGap,
    /// Too old is half the retention, so that the other half is left for a transaction that began before the snapshot.
    HalfTheRetention,
    /// How old the watermark is, is judged by the time of the snapshot itself, not by a look before it.
    JudgeBySnapshot,
    /// A snapshot after a raise is judged, too: by the time of the snapshot that led to the raise.
    JudgeAfterRaise,
    /// What is pending is read again after a raise.
    SnapshotAfterRaise,
    /// The statement for what is pending leaves out no row, and so none that another relay has locked.
    EveryRow,
    /// A row that was delivered to one history is pending for every other.
    PendingForEachHistory,
    /// Everything that was pending is invalidated before the watermark is set.
    DeliverBeforeMark,
    /// A row is marked as delivered after it is: `round` in `relay.rs`.
    AcknowledgeLast,
    /// The watermark's epoch is that of the snapshot, not one that the process knew before.
    EpochOfSnapshot,
    /// The watermark lies beside the values, and goes back with them.
    MarkBesideValues,
    /// A probe goes over the connection that brings the pushes, and its reply waits behind them.
    ProbeInOrder,
    /// The reply to a probe of a connection that has ended since proves nothing: `holds` in `watermark.rs`.
    ProbeOfThisEra,
    /// A watermark that lies ahead of its own clock proves nothing: `behind` in `watermark.rs`.
    NotOfTheFuture,
    /// A replica is not asked: `check` in `replies.rs`.
    PrimaryAlone,
    /// A proof speaks of values of its own epoch alone, and a value of another epoch is a miss.
    SameEpoch,
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
    /// By how much the clock of the first server may be stepped back, once.
    pub(crate) step_back: i8,
    /// Whether the key and the watermark are evicted.
    pub(crate) evictions: bool,
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
            step_back: 0,
            evictions: false,
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
