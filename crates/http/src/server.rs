//! Connections: how they are taken, limited and ended.
//!
//! A stop loses no request. In this order: every answer says `Connection: close` from the
//! first moment; new connections are taken for the grace, so that a load balancer can notice;
//! the listener takes what the kernel has queued and closes; connections that have nothing
//! under way are closed; those that have may finish until the limit.
//!
//! While there are as many connections as there may be, one more waits: for it one goes that nobody
//! has used for a second, or the first that has been answered.
//!
//! A client that keeps a connection waiting loses it: one that sends nothing, one whose head
//! does not come to its end, one that takes nothing of its answer and sends nothing meanwhile. A
//! body that stands still, or as good as, fails in the hands of its reader.

mod listener;
mod open_files;
mod signals;

mod arriving;
mod connection;
mod crowd;
mod patience;
mod patient_stream;
mod traffic;
mod trickle;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use roster_domain::ports::Clock;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, watch};

pub use arriving::Stalled;
pub use listener::bind;
pub use open_files::allow_open_files;
pub use signals::Signals;

use crate::metrics::Metrics;
use crate::router::Api;
use crate::services::Draining;
use crate::settings::HttpSettings;
use crate::system::SystemClock;
use connection::Phase;
use crowd::Crowd;
use traffic::Timeouts;

/// Answers requests until it is stopped.
pub struct Server {
    api: Api,
    settings: HttpSettings,
    draining: Draining,
    metrics: Option<Arc<Metrics>>,
    clock: Arc<dyn Clock>,
}

/// How a stop went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Connections whose request was still under way when the limit was reached.
    pub cut_off: usize,
}

impl Server {
    /// A server of these routes.
    pub fn new(api: impl Into<Api>, settings: HttpSettings, draining: Draining) -> Self {
        Self {
            api: api.into(),
            settings,
            draining,
            metrics: None,
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// The same, and its connections are counted.
    #[must_use]
    pub fn counted(self, metrics: Arc<Metrics>) -> Self {
        Self {
            metrics: Some(metrics),
            ..self
        }
    }

    /// Takes connections until `stop` is ready, then ends as this module says.
    pub async fn run(self, listener: TcpListener, stop: impl Future<Output = ()>) -> Stopped {
        let (phase, _) = watch::channel(Phase::Serving);
        let crowd = Arc::new(Crowd::new(self.settings.max_connections));
        let waiting = Waiting::default();
        {
            let accepting = self.accept_forever(&listener, &phase, &crowd, &waiting);
            tokio::pin!(accepting, stop);
            tokio::select! {
                never = &mut accepting => match never {},
                () = &mut stop => {}
            }
            self.draining.begin();
            // The same future goes on: a connection that it has taken is not lost.
            let _ = tokio::time::timeout(self.settings.drain_grace, accepting).await;
        }
        for stream in taken(&waiting)
            .into_iter()
            .chain(listener::close(listener).await)
        {
            self.spawn(stream, &phase, &crowd, None);
        }
        self.finish(&phase).await
    }

    async fn finish(&self, phase: &watch::Sender<Phase>) -> Stopped {
        /// For connections whose first request has not been read yet.
        const PATIENCE: Duration = Duration::from_millis(250);
        let _ = tokio::time::timeout(PATIENCE, phase.closed()).await;
        phase.send_replace(Phase::ClosingIdle);
        let _ = tokio::time::timeout(self.settings.drain_limit, phase.closed()).await;
        let cut_off = phase.receiver_count();
        phase.send_replace(Phase::Ending);
        phase.closed().await;
        Stopped { cut_off }
    }

    async fn accept_forever(
        &self,
        listener: &TcpListener,
        phase: &watch::Sender<Phase>,
        crowd: &Arc<Crowd>,
        waiting: &Waiting,
    ) -> std::convert::Infallible {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    *waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
                    let permit = crowd.enter(phase).await;
                    if let Some(stream) = taken(waiting) {
                        self.spawn(stream, phase, crowd, permit);
                    }
                }
                Err(error) => recover(&error).await,
            }
        }
    }

    fn spawn(
        &self,
        stream: TcpStream,
        phase: &watch::Sender<Phase>,
        crowd: &Arc<Crowd>,
        permit: Option<OwnedSemaphorePermit>,
    ) {
        let open = self
            .metrics
            .as_ref()
            .map(|metrics| metrics.connection_opened());
        let timeouts = Timeouts {
            idle: self.settings.idle_timeout,
            head: self.settings.header_timeout,
            stall: self.settings.stall_timeout,
            stall_octets: self.settings.stall_octets,
        };
        let serving = connection::serve(
            stream,
            self.api.clone(),
            (timeouts, Arc::clone(&self.clock)),
            (self.draining.clone(), Arc::clone(crowd)),
            phase.subscribe(),
        );
        tokio::spawn(async move {
            serving.await;
            drop((open, permit));
        });
    }
}

/// A connection that was accepted and has no room yet.
type Waiting = Mutex<Option<TcpStream>>;

fn taken(waiting: &Waiting) -> Option<TcpStream> {
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.take()
}

/// A client that is gone before it was accepted is nothing; without free descriptors there is
/// nothing to do but wait for some.
async fn recover(error: &io::Error) {
    const PAUSE: Duration = Duration::from_millis(100);
    if matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    ) {
        return;
    }
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "no connection can be accepted"
    );
    tokio::time::sleep(PAUSE).await;
}
