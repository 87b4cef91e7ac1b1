/// Takes what happens to the connection and to what is read through it, for metrics. Called
/// inline, perhaps from several tasks at once: it must be cheap and must not block.
pub trait RedisObserver: Send + Sync {
    /// Takes one event.
    fn observe(&self, event: RedisEvent);
}

/// Something worth counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RedisEvent {
    /// A connection is ready.
    Connected,
    /// The connection was lost or given up.
    Disconnected,
    /// An attempt to connect failed.
    ConnectFailed,
    /// A call ran out of its time.
    TimedOut,
    /// Something stored was passed over as a miss.
    Refused(PayloadFault),
}

/// Why something stored was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PayloadFault {
    /// Not of this format at all: another tag, or a key that is not a string.
    Foreign,
    /// Of this format, but cut short, too long or damaged.
    Torn,
    /// Of another database that shares the server.
    OtherDatabase,
    /// Of an earlier cache epoch, so cleared.
    OtherEpoch,
    /// Stored under the key of another user.
    OtherEntity,
    /// Of a release before the oldest that can be read.
    OlderSchema,
    /// Of a release after this one: neither read nor overwritten.
    NewerSchema,
    /// Whole, but not a valid user for this release.
    Unreadable,
}

impl PayloadFault {
    /// Every fault, so that each counter exists from the start.
    pub const ALL: [Self; 8] = [
        Self::Foreign,
        Self::Torn,
        Self::OtherDatabase,
        Self::OtherEpoch,
        Self::OtherEntity,
        Self::OlderSchema,
        Self::NewerSchema,
        Self::Unreadable,
    ];

    /// Its name as a label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Foreign => "foreign",
            Self::Torn => "torn",
            Self::OtherDatabase => "other_database",
            Self::OtherEpoch => "other_epoch",
            Self::OtherEntity => "other_entity",
            Self::OlderSchema => "older_schema",
            Self::NewerSchema => "newer_schema",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Counts nothing.
pub(crate) struct Unobserved;

impl RedisObserver for Unobserved {
    fn observe(&self, _: RedisEvent) {}
}
