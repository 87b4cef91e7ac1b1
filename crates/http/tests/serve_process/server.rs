//! The server with routes that are slower than any of the real ones.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use roster_http::server::{Server, Stopped, bind};
use roster_http::services::Draining;
use roster_http::settings::HttpSettings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use super::process::PATIENCE;

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Stopped>,
    /// A request has reached the slow route.
    entered: Arc<Notify>,
    /// The slow route may answer.
    leave: Arc<Notify>,
}

fn start(settings: HttpSettings) -> Running {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let routes = Router::new()
        .route("/quick", get(|| async { "quick" }))
        .route(
            "/slow",
            get({
                let (entered, leave) = (Arc::clone(&entered), Arc::clone(&leave));
                move || async move {
                    entered.notify_one();
                    leave.notified().await;
                    "slow"
                }
            }),
        );
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let server = Server::new(routes, settings, Draining::default());
    let task = tokio::spawn(server.run(listener, async move {
        let _ = stopped.await;
    }));
    Running {
        address,
        stop,
        task,
        entered,
        leave,
    }
}

fn without_grace() -> HttpSettings {
    HttpSettings {
        drain_grace: Duration::ZERO,
        ..HttpSettings::default()
    }
}

async fn send(stream: &mut TcpStream, path: &str) {
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes())
        .await
        .unwrap();
}

/// Everything until the server closes the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut text))
        .await
        .expect("the connection stays open")
        .unwrap();
    text
}

async fn first_answer(stream: &mut TcpStream) -> String {
    let mut text = vec![0; 4_096];
    let length = stream.read(&mut text).await.unwrap();
    String::from_utf8_lossy(&text[..length]).into_owned()
}

#[tokio::test]
async fn a_request_under_way_is_answered_and_its_connection_closed() {
    let server = start(without_grace());
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    send(&mut stream, "/slow").await;
    server.entered.notified().await;
    server.stop.send(()).unwrap();
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    server.leave.notify_one();
    let answer = rest(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.contains("connection: close"),
        "{answer}"
    );
    assert!(answer.ends_with("slow"), "{answer}");
    assert_eq!(server.task.await.unwrap(), Stopped { cut_off: 0 });
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_off_at_the_limit() {
    let server = start(HttpSettings {
        drain_limit: Duration::from_millis(20),
        ..without_grace()
    });
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    send(&mut stream, "/slow").await;
    server.entered.notified().await;
    server.stop.send(()).unwrap();
    assert_eq!(server.task.await.unwrap(), Stopped { cut_off: 1 });
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn a_connection_that_was_queued_when_the_listener_closed_is_answered() {
    // Nobody accepts the second one while the only permit is taken.
    let server = start(HttpSettings {
        max_connections: 1,
        ..without_grace()
    });
    let mut first = TcpStream::connect(server.address).await.unwrap();
    send(&mut first, "/slow").await;
    server.entered.notified().await;
    let mut queued = TcpStream::connect(server.address).await.unwrap();
    send(&mut queued, "/quick").await;
    server.stop.send(()).unwrap();
    assert!(rest(&mut queued).await.ends_with("quick"));
    server.leave.notify_one();
    assert!(rest(&mut first).await.ends_with("slow"));
    assert_eq!(server.task.await.unwrap(), Stopped { cut_off: 0 });
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_stop() {
    let server = start(without_grace());
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    send(&mut stream, "/quick").await;
    let answer = first_answer(&mut stream).await;
    assert!(!answer.contains("connection: close"), "{answer}");
    server.stop.send(()).unwrap();
    assert_eq!(server.task.await.unwrap(), Stopped { cut_off: 0 });
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let server = start(HttpSettings {
        max_connections: 1,
        ..HttpSettings::default()
    });
    let mut first = TcpStream::connect(server.address).await.unwrap();
    send(&mut first, "/slow").await;
    server.entered.notified().await;
    let mut second = TcpStream::connect(server.address).await.unwrap();
    send(&mut second, "/quick").await;
    // What would be answered is answered within this; nothing else tells that it is not.
    let early = tokio::time::timeout(Duration::from_millis(50), first_answer(&mut second)).await;
    assert!(early.is_err(), "{early:?}");
    server.leave.notify_one();
    first_answer(&mut first).await;
    drop(first);
    assert!(first_answer(&mut second).await.ends_with("quick"));
}

/// So many connections, each with its first answer.
async fn answered(server: &Running, count: usize) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        send(&mut stream, "/quick").await;
        assert!(first_answer(&mut stream).await.ends_with("quick"));
        streams.push(stream);
    }
    streams
}

#[tokio::test]
async fn a_newcomer_takes_the_place_of_a_connection_that_nobody_uses() {
    let server = start(HttpSettings {
        max_connections: 3,
        ..HttpSettings::default()
    });
    let mut unused = answered(&server, 3).await;
    answered(&server, 1).await;
    // One of them, and no other.
    let mut ended = 0;
    for stream in &mut unused {
        let waiting = tokio::time::timeout(Duration::from_millis(100), rest(stream)).await;
        ended += usize::from(waiting.is_ok());
    }
    assert_eq!(ended, 1);
}

#[tokio::test]
async fn where_all_connections_are_in_use_the_first_that_is_answered_gives_way() {
    let server = start(HttpSettings {
        max_connections: 2,
        ..HttpSettings::default()
    });
    let mut used = answered(&server, 2).await;
    let serving = answered(&server, 1);
    let using = async {
        loop {
            for stream in &mut used {
                tokio::time::sleep(Duration::from_millis(20)).await;
                let request = b"GET /quick HTTP/1.1\r\nhost: x\r\n\r\n";
                if stream.write_all(request).await.is_ok() {
                    let _ = stream.read(&mut [0; 1_024]).await;
                }
            }
        }
    };
    tokio::select! {
        _ = serving => {}
        () = using => unreachable!(),
    }
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let server = start(HttpSettings {
        header_timeout: Duration::from_millis(20),
        ..HttpSettings::default()
    });
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(b"GET /quick HTTP/1.1\r\nhost: x\r\nx-slow: ")
        .await
        .unwrap();
    let answer = rest(&mut stream).await;
    assert!(!answer.contains("200 OK"), "{answer}");
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let server = start(HttpSettings::default());
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "GET /quick HTTP/1.1\r\nhost: x\r\nx-long: {}",
        "a".repeat(70 * 1024)
    );
    // The server may close before it has read everything.
    let _ = stream.write_all(head.as_bytes()).await;
    let answer = first_answer(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}
