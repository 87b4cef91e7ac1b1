use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use roster_domain::ports::Clock;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::traffic::{Timeouts, Traffic};
use super::trickle::Trickle;

/// A connection that tells of what it carries, and that fails when its client takes nothing of
/// an answer, or as good as nothing. One that still sends may do so first: many send a whole file before they read the
/// first line of what becomes of it.
///
/// A body that stands still is not seen here: its reader knows more, and can still answer.
pub(super) struct PatientStream<S> {
    stream: S,
    traffic: Arc<Traffic>,
    /// What the client takes.
    taken: Trickle,
}

impl<S> PatientStream<S> {
    pub(super) fn new(
        stream: S,
        traffic: Arc<Traffic>,
        timeouts: Timeouts,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        Self {
            stream,
            traffic,
            taken: Trickle::new(timeouts, clock),
        }
    }

    fn wrote(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(outcome) = &written {
            self.taken
                .has_moved(outcome.as_ref().map_or(0, |octets| *octets));
            self.traffic.has_written();
            return written;
        }
        if self.taken.is_over(context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for PatientStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            this.taken.begin_anew();
            this.traffic.has_read();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for PatientStream<S> {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt as _;
    use roster_adapters_memory::ManualClock;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);
    const SECOND: Duration = Duration::from_secs(1);

    struct Writing {
        client: DuplexStream,
        stream: PatientStream<DuplexStream>,
        clock: Arc<ManualClock>,
    }

    /// With room for so many octets on the way.
    fn writing(room: usize) -> Writing {
        let clock = Arc::new(ManualClock::default());
        let port = Arc::<ManualClock>::clone(&clock) as Arc<dyn Clock>;
        let timeouts = Timeouts {
            idle: LIMIT,
            head: LIMIT,
            stall: LIMIT,
            stall_octets: 1_024,
        };
        let (client, ours) = duplex(room);
        let mut stream = PatientStream::new(ours, Arc::default(), timeouts, &port);
        // What fits goes at once.
        let filled = stream.write(&vec![0; room]).now_or_never();
        assert_eq!(filled.unwrap().unwrap(), room);
        Writing {
            client,
            stream,
            clock,
        }
    }

    impl Writing {
        /// Writes on until nothing fits: whether the client was given up.
        fn is_given_up(&mut self) -> bool {
            while let Some(written) = self.stream.write(&[0; 64]).now_or_never() {
                if written.is_err() {
                    return true;
                }
            }
            false
        }

        fn read(&mut self, octets: usize) {
            let mut taken = vec![0; octets];
            let read = self.client.read_exact(&mut taken).now_or_never();
            read.unwrap().unwrap();
        }
    }

    #[test]
    fn a_client_that_takes_nothing_of_an_answer_or_next_to_nothing_is_given_up() {
        for octets in [0, 1, 100] {
            let mut writing = writing(4_096);
            let given_up = (0..100).find(|_| {
                let is_given_up = writing.is_given_up();
                writing.clock.advance(SECOND);
                writing.read(if is_given_up { 0 } else { octets });
                is_given_up
            });
            assert_eq!(given_up, Some(10), "{octets}");
        }
    }

    #[test]
    fn a_client_that_is_slow_is_written_to_as_long_as_it_takes() {
        let mut writing = writing(4_096);
        for _ in 0..1_000 {
            assert!(!writing.is_given_up());
            writing.clock.advance(SECOND);
            writing.read(103);
        }
    }
}
