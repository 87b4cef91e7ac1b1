use std::io;
use std::net::SocketAddr;
use std::time::Duration;

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
    #[cfg(target_os = "linux")]
    keep_little_unsent(&socket)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// By itself the kernel takes megabytes of an answer, and says that it takes more only when a third
/// of them has gone: a client that reads all the time, and slowly, would look as if it read
/// nothing. Connections have this from their listener.
#[cfg(target_os = "linux")]
fn keep_little_unsent(listener: &TcpSocket) -> io::Result<()> {
    /// More is taken when half of it has gone; what is on its way does not count.
    const UNSENT: u32 = 32 * 1_024;
    socket2::SockRef::from(listener).set_tcp_notsent_lowat(UNSENT)
}

/// Closes a listener and answers the connections that the kernel had accepted before: their
/// clients believe that they are connected, and may have sent a request.
pub(super) async fn close(listener: TcpListener) -> Vec<TcpStream> {
    /// How long a handshake that has begun may take to end.
    const HANDSHAKE: Duration = Duration::from_millis(50);
    refuse_new(&listener);
    let mut queued = Vec::new();
    let ending = tokio::time::sleep(HANDSHAKE);
    tokio::pin!(ending);
    loop {
        tokio::select! {
            biased;
            taken = listener.accept() => queued.extend(taken.map(|(stream, _)| stream)),
            () = &mut ending => return queued,
        }
    }
}

/// Between the last connection that is taken out of the queue and the closing of the listener
/// another one could come in, and would be reset. A filter that drops the first packet of every
/// handshake keeps it out: its client asks again and is then refused, before it has sent
/// anything. Handshakes that have begun go on to their end. Where the filter cannot be set, the
/// gap of some microseconds remains.
#[cfg(target_os = "linux")]
fn refuse_new(listener: &TcpListener) {
    use socket2::SockFilter;

    /// Load the octet at an offset (`BPF_LD | BPF_B | BPF_ABS`).
    const LOAD: u16 = 0x30;
    /// Go on by bits of it (`BPF_JMP | BPF_JSET | BPF_K`).
    const IF_SET: u16 = 0x45;
    /// Return the constant, which is how many octets of a packet to keep (`BPF_RET | BPF_K`).
    const RETURN: u16 = 0x06;
    /// Where a TCP header has its flags, and the one that asks for a connection (RFC 9293, 3.1).
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    let no_beginnings = [
        SockFilter::new(LOAD, 0, 0, FLAGS),
        SockFilter::new(IF_SET, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ];
    if let Err(error) = socket2::SockRef::from(listener).attach_filter(&no_beginnings) {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "the listener cannot be shielded while it closes"
        );
    }
}

#[cfg(not(target_os = "linux"))]
fn refuse_new(_: &TcpListener) {}
