use std::convert::Infallible;
use std::future::{poll_fn, ready};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use axum::response::Response;
use futures::TryFutureExt as _;
use futures::future::Either;
use http::header::CONNECTION;
use http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use roster_domain::ports::Clock;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::arriving::arriving;
use super::crowd::Crowd;
use super::patience::Patience;
use super::patient_stream::PatientStream;
use super::traffic::{Late, Timeouts, Traffic};
use crate::hot_reads::Begun;
use crate::quotas::Peer;
use crate::router::Api;
use crate::services::Draining;

/// What connections are told while the server is full, and while it stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Go on.
    Serving,
    /// There are as many connections as there may be: some that nobody uses may have to go.
    Full,
    /// End as soon as nothing is under way.
    ClosingIdle,
    /// End.
    Ending,
}

/// More than the limit of the contract (32 KiB), which the routes answer with a problem; what
/// is beyond this one is refused before it is parsed, with a bare 431.
const MAX_HEAD: usize = 64 * 1024;

/// Answers the requests of one connection, to its end or the server's.
pub(super) async fn serve(
    stream: TcpStream,
    api: Api,
    (timeouts, clock): (Timeouts, Arc<dyn Clock>),
    (draining, crowd): (Draining, Arc<Crowd>),
    mut phase: watch::Receiver<Phase>,
) {
    // An answer is written whole, so waiting for more to send would only add 40 ms. A
    // connection for which this fails is closed, and says so when it is read.
    let _ = stream.set_nodelay(true);
    // A connection that has no peer any more ends when it is read.
    let peer = stream.peer_addr().map(|address| Peer(address.ip())).ok();
    let traffic = Arc::new(Traffic::default());
    let service = service_fn(|request: Request<Incoming>| {
        traffic.begin();
        let answer = match api.begin(request) {
            Begun::Answered(response) => {
                return Either::Left(ready(Ok(last_of(&draining, &crowd, response))));
            }
            Begun::Reading(reading) => Either::Left(reading),
            Begun::Other(request) => {
                let mut request = request.map(|body| arriving(body, &traffic, timeouts, &clock));
                if let Some(peer) = peer {
                    request.extensions_mut().insert(peer);
                }
                Either::Right(api.routed(request).unwrap_or_else(|never| match never {}))
            }
        };
        let running = Running::of(&traffic);
        let (draining, crowd) = (draining.clone(), Arc::clone(&crowd));
        Either::Right(async move {
            let response = answer.await;
            drop(running);
            Ok::<_, Infallible>(last_of(&draining, &crowd, response))
        })
    });
    let stream = PatientStream::new(stream, Arc::clone(&traffic), timeouts, &clock);
    let mut connection = pin!(
        http1::Builder::new()
            .max_buf_size(2 * MAX_HEAD)
            .max_header_size(MAX_HEAD)
            .writev(false)
            .serve_connection(TokioIo::new(stream), service)
    );
    let mut patience = Patience::new(Arc::clone(&clock));
    let mut is_full = *phase.borrow() == Phase::Full;
    // While the server is full: until it is asked whether this connection has to go.
    let mut unused = Timeouts::UNUSED;
    loop {
        let patient = if is_full {
            timeouts.when_full(unused)
        } else {
            timeouts
        };
        let kept_waiting = poll_fn(|context| {
            let late = traffic.is_kept_waiting(patient, &mut patience, context);
            late.map_or(Poll::Pending, Poll::Ready)
        });
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    // Mostly clients that went away: nothing that anybody can mend here.
                    tracing::debug!(error = &error as &dyn std::error::Error, "a connection broke");
                }
                return;
            }
            // As if the client had closed it.
            late = kept_waiting => {
                let is_unused = late == Late::Request && unused < timeouts.idle;
                if is_full && is_unused && !crowd.gives_way() {
                    unused += Timeouts::UNUSED;
                    continue;
                }
                return;
            }
            changed = phase.changed() => {
                let now = if changed.is_ok() { *phase.borrow_and_update() } else { Phase::Ending };
                (is_full, unused) = (now == Phase::Full, Timeouts::UNUSED);
                match now {
                    Phase::Serving | Phase::Full => {}
                    Phase::ClosingIdle => connection.as_mut().graceful_shutdown(),
                    Phase::Ending => return,
                }
            }
        }
    }
}

/// While the server stops, or somebody waits for this connection to end, an answer says that no
/// other request is taken.
fn last_of(draining: &Draining, crowd: &Crowd, mut response: Response) -> Response {
    if draining.has_begun() || crowd.gives_way() {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A handler that runs.
struct Running(Arc<Traffic>);

impl Running {
    fn of(traffic: &Arc<Traffic>) -> Self {
        traffic.open();
        Self(Arc::clone(traffic))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.close();
    }
}
