use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Context;
use std::time::Duration;

use super::patience::Patience;

/// How long a client is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    /// For the next request, when nothing is under way.
    pub(super) idle: Duration,
    /// For the whole of a head, from its first octet.
    pub(super) head: Duration,
    /// For a client that takes nothing of its answer, or sends nothing of its body.
    pub(super) stall: Duration,
    /// Fewer octets of a body in that time are as good as nothing.
    pub(super) stall_octets: u64,
}

impl Timeouts {
    /// How long a connection is kept at least that nobody uses, while the server is full.
    pub(super) const UNUSED: Duration = Duration::from_secs(1);
    /// How long a head may take then.
    const HEAD_WHEN_FULL: Duration = Duration::from_secs(2);

    /// The same while the server is full, for a connection that was kept for so long.
    pub(super) fn when_full(self, unused: Duration) -> Self {
        Self {
            idle: self.idle.min(unused),
            head: self.head.min(Self::HEAD_WHEN_FULL),
            ..self
        }
    }
}

/// What a client has been waited for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Late {
    /// The next request.
    Request,
    /// The rest of a head.
    Head,
}

/// What is under way on one connection, as its stream, its service and the bodies of its
/// requests tell it.
#[derive(Default)]
pub(super) struct Traffic {
    /// Requests whose handler runs or whose body has not ended.
    open: AtomicU32,
    /// Requests so far.
    begun: AtomicU32,
    awaited: Mutex<Awaited>,
}

/// What is read next while nothing is under way.
#[derive(Clone, Copy, Default)]
enum Awaited {
    /// Not looked at since something happened.
    #[default]
    Unknown,
    /// A request, since this moment.
    Request(Duration),
    /// The rest of the head that came after so many requests.
    Head {
        requests: u32,
        since: Option<Duration>,
    },
}

impl Traffic {
    /// A request's head has been read.
    pub(super) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    /// Something of a request is under way until the matching [`Self::close`].
    pub(super) fn open(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// It has ended.
    pub(super) fn close(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Octets came.
    pub(super) fn has_read(&self) {
        let requests = self.begun.load(Ordering::Relaxed);
        self.update(|awaited| match awaited {
            _ if self.is_open() => Awaited::Unknown,
            Awaited::Head { requests: of, .. } if of == requests => awaited,
            _ => Awaited::Head {
                requests,
                since: None,
            },
        });
    }

    /// Octets went: an answer that is still being written is no idleness.
    pub(super) fn has_written(&self) {
        self.update(|awaited| match awaited {
            Awaited::Request(_) => Awaited::Unknown,
            other => other,
        });
    }

    /// What the client has been waited for too long, if it has; else the task is woken when it
    /// may have been.
    pub(super) fn is_kept_waiting(
        &self,
        timeouts: Timeouts,
        patience: &mut Patience,
        context: &mut Context<'_>,
    ) -> Option<Late> {
        if self.is_open() {
            self.update(|_| Awaited::Unknown);
            return None;
        }
        let requests = self.begun.load(Ordering::Relaxed);
        let awaited = self.update(|awaited| match awaited {
            Awaited::Head {
                requests: of,
                since,
            } if of == requests => Awaited::Head {
                requests,
                since: since.or_else(|| Some(patience.now())),
            },
            Awaited::Request(since) => Awaited::Request(since),
            Awaited::Head { .. } | Awaited::Unknown => Awaited::Request(patience.now()),
        });
        let (deadline, late) = match awaited {
            Awaited::Head { since, .. } => (since.unwrap_or_default() + timeouts.head, Late::Head),
            Awaited::Request(since) => (since + timeouts.idle, Late::Request),
            Awaited::Unknown => return None,
        };
        patience.is_over(deadline, context).then_some(late)
    }

    /// Whether a handler runs or a body is on its way: then it is not the next head that is
    /// waited for.
    fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
    }

    fn update(&self, next: impl FnOnce(Awaited) -> Awaited) -> Awaited {
        let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        *awaited = next(*awaited);
        *awaited
    }
}
