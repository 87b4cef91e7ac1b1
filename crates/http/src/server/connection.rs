use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::header::CONNECTION;
use http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::services::Draining;

/// What connections are told while the server stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Go on.
    Serving,
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
    router: Router,
    header_timeout: Duration,
    draining: Draining,
    mut phase: watch::Receiver<Phase>,
) {
    // An answer is written whole, so waiting for more to send would only add 40 ms. A
    // connection for which this fails is closed, and says so when it is read.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request: Request<Incoming>| {
        let answer = router.clone().oneshot(request.map(Body::new));
        let draining = draining.clone();
        async move {
            let mut response: Response = answer.await?;
            if draining.has_begun() {
                response
                    .headers_mut()
                    .insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(header_timeout)
            .max_buf_size(2 * MAX_HEAD)
            .max_header_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), service)
    );
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    // Mostly clients that went away: nothing that anybody can mend here.
                    tracing::debug!(error = &error as &dyn std::error::Error, "a connection broke");
                }
                return;
            }
            changed = phase.changed() => {
                let now = if changed.is_ok() { *phase.borrow_and_update() } else { Phase::Ending };
                match now {
                    Phase::Serving => {}
                    Phase::ClosingIdle => connection.as_mut().graceful_shutdown(),
                    Phase::Ending => return,
                }
            }
        }
    }
}
