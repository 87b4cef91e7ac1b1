//! A server that is none: it speaks as much of the protocol as the adapter asks for, and says
//! that it is of any version.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::support::KEY;

/// Answers each read with a value, and voids it with the next octet.
pub(crate) struct FakeServer {
    pub(crate) addr: SocketAddr,
    serving: JoinHandle<()>,
}

impl FakeServer {
    pub(crate) async fn start(version: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let mut clients = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                clients.spawn(serve(client, version));
            }
        });
        Self { addr, serving }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.addr)
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(client: TcpStream, version: &str) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let mut client = BufReader::new(client);
    loop {
        let words = read_command(&mut client).await?;
        let first = words[0].to_ascii_uppercase();
        let reply = match first.as_str() {
            "HELLO" => format!(
                "%4\r\n$7\r\nversion\r\n${}\r\n{version}\r\n$5\r\nproto\r\n:3\r\n\
                 $4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n",
                version.len()
            ),
            "INFO" => "$23\r\n# Server\r\nrun_id:fake\r\n\r\n".to_owned(),
            "GET" => format!(
                "$5\r\nstale\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n${}\r\n{KEY}\r\n",
                KEY.len()
            ),
            _ => "+OK\r\n".to_owned(),
        };
        client.get_mut().write_all(reply.as_bytes()).await?;
    }
}

async fn read_command(client: &mut BufReader<TcpStream>) -> std::io::Result<Vec<String>> {
    let mut words = Vec::new();
    for _ in 0..read_length(client).await? {
        let mut word = vec![0; read_length(client).await? + 2];
        client.read_exact(&mut word).await?;
        word.truncate(word.len() - 2);
        words.push(String::from_utf8_lossy(&word).into_owned());
    }
    Ok(words)
}

async fn read_length(client: &mut BufReader<TcpStream>) -> std::io::Result<usize> {
    let mut line = String::new();
    if client.read_line(&mut line).await? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    line[1..].trim_end().parse().map_err(std::io::Error::other)
}
