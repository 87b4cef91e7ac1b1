use std::io;

use tokio::sync::watch;

/// The signals that ask a process to stop: SIGTERM and SIGINT (Ctrl-C).
pub struct Signals(watch::Receiver<bool>);

impl Signals {
    /// Listens from now on. The first signal ends [`Self::received`]; a second one ends the
    /// process at once, with status 1.
    pub fn listen() -> io::Result<Self> {
        let mut source = Source::new()?;
        let (asked, receiver) = watch::channel(false);
        tokio::spawn(async move {
            source.next().await;
            tracing::info!("asked to stop; a second signal ends the process at once");
            asked.send_replace(true);
            source.next().await;
            std::process::exit(1);
        });
        Ok(Self(receiver))
    }

    /// Ends when the process has been asked to stop.
    pub async fn received(&self) {
        let mut asked = self.0.clone();
        // It fails when the task is gone, which it is not before the process.
        let _ = asked.wait_for(|asked| *asked).await;
    }
}

#[cfg(unix)]
struct Source {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Source {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Source;

#[cfg(not(unix))]
impl Source {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
