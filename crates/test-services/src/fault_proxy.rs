use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc as blocking;
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

const BACKLOG: u32 = 1024;
const CHUNK: usize = 16 * 1024;

/// What a [`FaultProxy`] does to the connections through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: all bytes pass.
    Pass,
    /// As a server that is down: live connections are reset, new ones refused.
    Refuse,
    /// As a network that drops its connections: live ones are reset once, new ones pass.
    Cut,
    /// Each piece that is read waits this long before it is passed on, in both directions.
    Delay(Duration),
    /// Connections open and stay open, and not a byte passes. What was held back arrives with the next other fault.
    BlackHole,
    /// At most so many bytes are passed on at a time.
    Slice(usize),
    /// A connection is reset when its client sends these bytes, and nothing of their answer arrives. With `delivered`
    /// they reach the server before, which then sees an orderly end.
    CutAt {
        /// What the client sends, in one piece.
        bytes: &'static [u8],
        /// Whether the server gets it.
        delivered: bool,
    },
}

/// A TCP proxy on a loopback port in front of one server, which breaks connections on request.
///
/// It runs on a thread of its own, so it keeps real time and never waits for the test's runtime.
pub struct FaultProxy {
    addr: SocketAddr,
    commands: mpsc::UnboundedSender<Command>,
}

struct Command {
    fault: Fault,
    /// Where connections go from now on, when that changes.
    target: Option<SocketAddr>,
    done: blocking::Sender<()>,
}

impl FaultProxy {
    /// Starts a proxy to `target`, passing everything.
    ///
    /// # Panics
    /// When no loopback port can be had.
    #[expect(clippy::expect_used, reason = "a test without its proxy cannot go on")]
    pub fn start(target: SocketAddr) -> Self {
        let (commands, received) = mpsc::unbounded_channel();
        let (started, address) = blocking::channel();
        thread::spawn(move || -> io::Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async move {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
                let addr = listener.local_addr()?;
                let _ = started.send(addr);
                serve(listener, addr, target, received).await
            })
        });
        let addr = address.recv().expect("a loopback port for the fault proxy");
        Self { addr, commands }
    }

    /// Where clients connect to.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Changes what happens to connections; returns when it does.
    pub fn set(&self, fault: Fault) {
        self.command(fault, None);
    }

    /// Resets all connections and passes new ones on to another server, as an address does that moves with a failover.
    pub fn retarget(&self, target: SocketAddr) {
        self.command(Fault::Cut, Some(target));
    }

    fn command(&self, fault: Fault, target: Option<SocketAddr>) {
        let (done, finished) = blocking::channel();
        let command = Command {
            fault,
            target,
            done,
        };
        if self.commands.send(command).is_ok() {
            let _ = finished.recv();
        }
    }
}

async fn serve(
    listener: TcpListener,
    addr: SocketAddr,
    mut target: SocketAddr,
    mut commands: mpsc::UnboundedReceiver<Command>,
) -> io::Result<()> {
    let mut listener = Some(listener);
    let mut refusing = None;
    let faults = watch::Sender::new(Fault::Pass);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            command = commands.recv() => {
                let Some(Command { fault, target: moved, done }) = command else { return Ok(()) };
                target = moved.unwrap_or(target);
                if matches!(fault, Fault::Cut | Fault::Refuse) && refusing.is_none() {
                    // Closing the listener also resets who has connected and was not accepted yet.
                    listener = None;
                    refusing = Some(bound(addr).await?);
                }
                if fault != Fault::Refuse && let Some(socket) = refusing.take() {
                    listener = Some(TcpSocket::listen(socket, BACKLOG)?);
                }
                faults.send_replace(fault);
                if matches!(fault, Fault::Cut | Fault::Refuse) {
                    while connections.join_next().await.is_some() {}
                }
                if fault == Fault::Cut {
                    faults.send_replace(Fault::Pass);
                }
                let _ = done.send(());
            }
            accepted = accept(listener.as_ref()) => {
                if let Ok((client, _)) = accepted {
                    connections.spawn(connection(client, target, faults.subscribe()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// A socket that is bound and does not listen: while it lives it keeps the port and refuses whoever connects.
pub fn refusing(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Connections of whoever listened there before may linger.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket)
}

/// The same, as soon as it can be had.
async fn bound(addr: SocketAddr) -> io::Result<TcpSocket> {
    let mut tries = 0;
    loop {
        match refusing(addr) {
            Err(_) if tries < 100 => tries += 1,
            result => return result,
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn connection(
    mut client: TcpStream,
    target: SocketAddr,
    faults: watch::Receiver<Fault>,
) -> io::Result<()> {
    let mut cut = faults.clone();
    let broken = async move {
        let _ = cut
            .wait_for(|fault| matches!(fault, Fault::Cut | Fault::Refuse))
            .await;
    };
    tokio::pin!(broken);
    let mut opening = faults.clone();
    let server = async {
        let _ = opening.wait_for(|fault| *fault != Fault::BlackHole).await;
        TcpStream::connect(target).await
    };
    let mut server = tokio::select! {
        biased;
        () = &mut broken => return client.set_zero_linger(),
        server = server => match server {
            Ok(server) => server,
            Err(_) => return client.set_zero_linger(),
        },
    };
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ended = {
        let (client_read, client_write) = client.split();
        let (server_read, server_write) = server.split();
        tokio::select! {
            biased;
            () = &mut broken => None,
            ended = async {
                tokio::try_join!(
                    pump(client_read, server_write, faults.clone(), true),
                    pump(server_read, client_write, faults, false),
                )
            } => Some(ended),
        }
    };
    if !matches!(ended, Some(Ok(_))) {
        // Closing with a linger time of zero sends a reset instead of an orderly end.
        client.set_zero_linger()?;
        if !matches!(&ended, Some(Err(error)) if error.kind() == DELIVERED) {
            server.set_zero_linger()?;
        }
    }
    Ok(())
}

/// How a pump ends whose last bytes the server is to read.
const DELIVERED: io::ErrorKind = io::ErrorKind::ConnectionAborted;

async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut faults: watch::Receiver<Fault>,
    of_client: bool,
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = from.read(&mut buffer).await?;
        let fault = *faults.borrow_and_update();
        if let Fault::Delay(pause) = fault {
            tokio::time::sleep(pause).await;
        }
        let _ = faults.wait_for(|fault| *fault != Fault::BlackHole).await;
        if read == 0 {
            return to.shutdown().await;
        }
        if let Fault::CutAt { bytes, delivered } = fault
            && of_client
            && buffer[..read]
                .windows(bytes.len())
                .any(|sent| sent == bytes)
        {
            if !delivered {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            to.write_all(&buffer[..read]).await?;
            return Err(DELIVERED.into());
        }
        let piece = match fault {
            Fault::Slice(bytes) => bytes.max(1),
            _ => CHUNK,
        };
        for part in buffer[..read].chunks(piece) {
            to.write_all(part).await?;
            tokio::task::yield_now().await;
        }
    }
}
