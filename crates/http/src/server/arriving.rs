use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use roster_domain::ports::Clock;

use super::patience::Patience;
use super::traffic::Traffic;

/// The client has sent nothing of a body for too long.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("nothing of the body arrived for {} ms", .limit.as_millis())]
pub struct Stalled {
    /// How long it was waited for.
    pub limit: Duration,
}

impl Stalled {
    /// The stall that an error of a body comes from, if it is one.
    pub fn behind(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        std::iter::successors(Some(error), |error| error.source())
            .find_map(|error| error.downcast_ref::<Self>().copied())
    }
}

/// The body of a request on its way; it fails when it stands still.
struct Arriving {
    body: Incoming,
    traffic: Arc<Traffic>,
    limit: Duration,
    patience: Patience,
    /// Since when nothing came.
    stalled: Option<Duration>,
}

/// The body of a request. While it lives and has not ended, the connection waits for no other.
pub(super) fn arriving(
    body: Incoming,
    traffic: &Arc<Traffic>,
    limit: Duration,
    clock: &Arc<dyn Clock>,
) -> Body {
    if body.is_end_stream() {
        return Body::empty();
    }
    traffic.open();
    Body::new(Arriving {
        body,
        traffic: Arc::clone(traffic),
        limit,
        patience: Patience::new(Arc::clone(clock)),
        stalled: None,
    })
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.stalled = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let since = *this.stalled.get_or_insert_with(|| this.patience.now());
        if this.patience.is_over(since + this.limit, context) {
            return Poll::Ready(Some(Err(Stalled { limit: this.limit }.into())));
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

impl Drop for Arriving {
    fn drop(&mut self) {
        self.traffic.close();
    }
}
