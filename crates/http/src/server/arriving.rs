use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use roster_domain::ports::Clock;

use super::traffic::{Timeouts, Traffic};
use super::trickle::Trickle;

/// The client has sent too little of a body for too long.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("less than {least} octets of the body arrived in {} ms", .limit.as_millis())]
pub struct Stalled {
    /// How long it was waited for.
    pub limit: Duration,
    /// How many octets would have been enough.
    pub least: u64,
}

impl Stalled {
    /// The stall that an error of a body comes from, if it is one.
    pub fn behind(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        std::iter::successors(Some(error), |error| error.source())
            .find_map(|error| error.downcast_ref::<Self>().copied())
    }
}

/// The body of a request on its way; it fails when it stands still, or as good as.
///
/// Only what its reader waits counts: a body that is not taken is not late.
struct Arriving<B> {
    body: B,
    traffic: Arc<Traffic>,
    came: Trickle,
}

/// The body of a request. While it lives and has not ended, the connection waits for no other.
pub(super) fn arriving<B>(
    body: B,
    traffic: &Arc<Traffic>,
    timeouts: Timeouts,
    clock: &Arc<dyn Clock>,
) -> Body
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    if body.is_end_stream() {
        return Body::empty();
    }
    traffic.open();
    Body::new(Arriving {
        body,
        traffic: Arc::clone(traffic),
        came: Trickle::new(timeouts, clock),
    })
}

impl<B> HttpBody for Arriving<B>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            let data = frame
                .as_ref()
                .and_then(|frame| frame.as_ref().ok()?.data_ref());
            this.came.has_moved(data.map_or(0, Bytes::len));
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        if this.came.is_over(context) {
            let (limit, least) = this.came.terms();
            return Poll::Ready(Some(Err(Stalled { limit, least }.into())));
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Arriving<B> {
    fn drop(&mut self) {
        self.traffic.close();
    }
}

#[cfg(test)]
mod tests {
    use futures::channel::mpsc::{UnboundedSender, unbounded};
    use futures::{FutureExt as _, StreamExt as _};
    use http_body_util::{BodyExt as _, StreamBody};
    use roster_adapters_memory::ManualClock;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);
    const SECOND: Duration = Duration::from_secs(1);

    struct Sending {
        client: UnboundedSender<usize>,
        body: Body,
        clock: Arc<ManualClock>,
    }

    fn sending() -> Sending {
        let clock = Arc::new(ManualClock::default());
        let port = Arc::<ManualClock>::clone(&clock) as Arc<dyn Clock>;
        let (client, sent) = unbounded();
        let frames = sent.map(|octets| Ok::<_, BoxError>(Frame::data(vec![0; octets].into())));
        let timeouts = Timeouts {
            idle: LIMIT,
            head: LIMIT,
            stall: LIMIT,
            stall_octets: 1_024,
        };
        let body = arriving(StreamBody::new(frames), &Arc::default(), timeouts, &port);
        Sending {
            client,
            body,
            clock,
        }
    }

    impl Sending {
        fn send(&self, octets: usize) {
            self.client.unbounded_send(octets).unwrap();
        }

        /// What the reader gets now: octets, or a stall; `None` while it waits.
        fn read(&mut self) -> Option<Result<usize, Stalled>> {
            let frame = self.body.frame().now_or_never()?.unwrap();
            Some(match frame {
                Ok(frame) => Ok(frame.into_data().unwrap().len()),
                Err(error) => Err(Stalled::behind(&error).unwrap()),
            })
        }
    }

    #[test]
    fn a_body_that_stands_still_or_drips_fails() {
        for octets in [0, 1, 100] {
            let mut sending = sending();
            let mut came = 0;
            let failed = (0..100).find(|_| {
                assert!(sending.read().is_none());
                sending.clock.advance(SECOND);
                if octets > 0 {
                    sending.send(octets);
                    came += sending.read().unwrap().unwrap();
                }
                sending.read().is_some_and(|read| read.is_err())
            });
            assert_eq!((failed, came), (Some(9), octets * 10));
        }
    }

    #[test]
    fn a_body_that_is_slow_is_waited_for_as_long_as_it_comes() {
        let mut sending = sending();
        for _ in 0..1_000 {
            assert!(sending.read().is_none());
            sending.clock.advance(SECOND);
            sending.send(103);
            assert_eq!(sending.read().unwrap().unwrap(), 103);
        }
    }

    #[test]
    fn a_body_that_nobody_takes_is_not_late() {
        let mut sending = sending();
        for _ in 0..100 {
            sending.send(1);
            sending.clock.advance(LIMIT);
            assert_eq!(sending.read().unwrap().unwrap(), 1);
        }
        assert!(sending.read().is_none());
        sending.clock.advance(SECOND * 9);
        assert!(sending.read().is_none());
        sending.clock.advance(SECOND);
        let Stalled { limit, least } = sending.read().unwrap().unwrap_err();
        assert_eq!((limit, least), (LIMIT, 1_024));
    }
}
