use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Listens on an address.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    /// How many connections the kernel may queue; it may have a lower limit of its own.
    const BACKLOG: u32 = 4_096;
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    // A port whose last connections linger after a restart is free; on Windows the option
    // means something else.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Closes a listener and answers the connections that the kernel had accepted before: their
/// clients believe that they are connected, and may have sent a request.
pub(super) fn close(listener: TcpListener) -> Vec<TcpStream> {
    refuse_new(&listener);
    let mut queued = Vec::new();
    let Ok(listener) = listener.into_std() else {
        return queued;
    };
    // It does not block: the first error is that there are no more.
    while let Ok((stream, _)) = listener.accept() {
        if stream.set_nonblocking(true).is_ok() {
            queued.extend(TcpStream::from_std(stream));
        }
    }
    queued
}

/// Between the last connection that is taken out of the queue and the closing of the listener
/// another one could come in, and would be reset. A filter that drops every packet to the
/// listener keeps it out: its client asks again and is then refused, before it has sent
/// anything. Where the filter cannot be set, the gap of some microseconds remains.
#[cfg(target_os = "linux")]
fn refuse_new(listener: &TcpListener) {
    /// `BPF_RET | BPF_K`: return the constant, which is how many octets of a packet to keep.
    const RETURN: u16 = 0x06;
    let nothing = [socket2::SockFilter::new(RETURN, 0, 0, 0)];
    if let Err(error) = socket2::SockRef::from(listener).attach_filter(&nothing) {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "the listener cannot be shielded while it closes"
        );
    }
}

#[cfg(not(target_os = "linux"))]
fn refuse_new(_: &TcpListener) {}
