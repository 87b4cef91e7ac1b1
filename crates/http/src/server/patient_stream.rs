use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use roster_domain::ports::Clock;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::patience::Patience;
use super::traffic::Traffic;

/// A connection that tells of what it carries, and that fails when its client takes nothing of
/// an answer. One that still sends may do so first: many send a whole file before they read the
/// first line of what becomes of it.
///
/// A body that stands still is not seen here: its reader knows more, and can still answer.
pub(super) struct PatientStream {
    stream: TcpStream,
    traffic: Arc<Traffic>,
    stall: Duration,
    writing: Patience,
    /// Since when nothing could be written and nothing was read.
    stalled: Option<Duration>,
}

impl PatientStream {
    pub(super) fn new(
        stream: TcpStream,
        traffic: Arc<Traffic>,
        stall: Duration,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        Self {
            stream,
            traffic,
            stall,
            writing: Patience::new(Arc::clone(clock)),
            stalled: None,
        }
    }

    fn wrote(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            self.traffic.has_written();
            return written;
        }
        let since = *self.stalled.get_or_insert_with(|| self.writing.now());
        if self.writing.is_over(since + self.stall, context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl AsyncRead for PatientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            this.stalled = None;
            this.traffic.has_read();
        }
        read
    }
}

impl AsyncWrite for PatientStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, octets);
        this.wrote(written, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.wrote(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
