//! Each fault, seen from a client that talks to an echo server through the proxy.

#![expect(clippy::unwrap_used, reason = "a broken set-up has to fail the test")]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use roster_test_services::{Fault, FaultProxy};

const SHORT: Duration = Duration::from_millis(200);

#[test]
fn pass_carries_bytes_and_the_end_of_the_stream() {
    let proxy = FaultProxy::start(echo_server());
    let mut client = connect(&proxy);
    let sent: Vec<u8> = (0..200_000_u32)
        .map(|number| number.to_le_bytes()[0])
        .collect();
    let mut writer = client.try_clone().unwrap();
    let copy = sent.clone();
    let writing = thread::spawn(move || {
        writer.write_all(&copy).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut received = Vec::new();
    client.read_to_end(&mut received).unwrap();
    writing.join().unwrap();
    assert_eq!(received, sent);
}

#[test]
fn cut_resets_live_connections_and_lets_new_ones_pass() {
    let proxy = FaultProxy::start(echo_server());
    let mut client = connect(&proxy);
    assert_eq!(say(&mut client, b"before"), b"before");
    proxy.set(Fault::Cut);
    assert_eq!(
        client.read(&mut [0; 1]).unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    assert_eq!(say(&mut connect(&proxy), b"after"), b"after");
}

#[test]
fn a_connection_is_cut_at_what_its_client_sends() {
    for delivered in [true, false] {
        let (server, address) = listener();
        let proxy = FaultProxy::start(address);
        let mut client = connect(&proxy);
        let (mut arrived, _) = server.accept().unwrap();
        let bytes = b"commit";
        proxy.set(Fault::CutAt { bytes, delivered });
        client.write_all(b"begin").unwrap();
        let mut words = [0; 5];
        arrived.read_exact(&mut words).unwrap();
        assert_eq!(&words, b"begin");
        client.write_all(b"now commit;").unwrap();
        assert_eq!(
            client.read(&mut [0; 1]).unwrap_err().kind(),
            ErrorKind::ConnectionReset
        );
        let mut rest = Vec::new();
        let ended = arrived.read_to_end(&mut rest);
        assert_eq!(ended.is_ok(), delivered);
        assert_eq!(rest, if delivered { &b"now commit;"[..] } else { b"" });
        proxy.set(Fault::Pass);
        let _again = connect(&proxy);
    }
}

#[test]
fn a_moved_proxy_resets_live_connections_and_passes_new_ones_on_to_the_other_server() {
    let (first, (second, address)) = (echo_server(), listener());
    let proxy = FaultProxy::start(first);
    let mut client = connect(&proxy);
    assert_eq!(say(&mut client, b"first"), b"first");
    proxy.retarget(address);
    assert!(client.read(&mut [0; 1]).is_err());
    let mut client = connect(&proxy);
    client.write_all(b"second").unwrap();
    let (mut arrived, _) = second.accept().unwrap();
    let mut words = [0; 6];
    arrived.read_exact(&mut words).unwrap();
    assert_eq!(&words, b"second");
}

#[test]
fn refuse_is_a_server_that_is_down_and_comes_back_on_its_port() {
    let proxy = FaultProxy::start(echo_server());
    let mut client = connect(&proxy);
    assert_eq!(say(&mut client, b"up"), b"up");
    for _ in 0..3 {
        proxy.set(Fault::Refuse);
        assert!(client.read(&mut [0; 1]).is_err());
        assert_eq!(
            TcpStream::connect(proxy.addr()).unwrap_err().kind(),
            ErrorKind::ConnectionRefused
        );
        proxy.set(Fault::Pass);
        client = connect(&proxy);
        assert_eq!(say(&mut client, b"again"), b"again");
    }
}

#[test]
fn black_hole_holds_bytes_back_until_it_heals() {
    let proxy = FaultProxy::start(echo_server());
    let mut old = connect(&proxy);
    assert_eq!(say(&mut old, b"one"), b"one");
    proxy.set(Fault::BlackHole);
    let mut new = connect(&proxy);
    for client in [&mut old, &mut new] {
        client.write_all(b"two").unwrap();
        client.set_read_timeout(Some(SHORT)).unwrap();
        assert_eq!(
            client.read(&mut [0; 3]).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        client
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
    }
    proxy.set(Fault::Pass);
    for client in [&mut old, &mut new] {
        let mut received = [0; 3];
        client.read_exact(&mut received).unwrap();
        assert_eq!(&received, b"two");
    }
}

#[test]
fn cut_ends_a_black_hole_and_drops_what_it_held() {
    let proxy = FaultProxy::start(echo_server());
    let mut client = connect(&proxy);
    proxy.set(Fault::BlackHole);
    client.write_all(b"lost").unwrap();
    proxy.set(Fault::Cut);
    assert!(client.read(&mut [0; 1]).is_err());
    assert_eq!(say(&mut connect(&proxy), b"new"), b"new");
}

#[test]
fn delay_makes_each_direction_wait() {
    let proxy = FaultProxy::start(echo_server());
    let mut client = connect(&proxy);
    proxy.set(Fault::Delay(Duration::from_secs(2)));
    client.set_read_timeout(Some(SHORT)).unwrap();
    client.write_all(b"slow").unwrap();
    assert_eq!(
        client.read(&mut [0; 4]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    client
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut received = [0; 4];
    client.read_exact(&mut received).unwrap();
    assert_eq!(&received, b"slow");
}

#[test]
fn slice_changes_the_pieces_and_not_the_bytes() {
    let (listener, target) = listener();
    let proxy = FaultProxy::start(target);
    let mut client = connect(&proxy);
    let (mut server, _) = listener.accept().unwrap();
    proxy.set(Fault::Slice(3));
    client.write_all(b"0123456789").unwrap();
    let mut received = [0; 10];
    server.read_exact(&mut received).unwrap();
    assert_eq!(&received, b"0123456789");
}

#[test]
fn a_server_that_is_gone_resets_the_client() {
    let (listener, target) = listener();
    drop(listener);
    let proxy = FaultProxy::start(target);
    let mut client = connect(&proxy);
    assert!(client.read(&mut [0; 1]).is_err());
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

fn echo_server() -> SocketAddr {
    let (listener, addr) = listener();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut reader = client.try_clone().unwrap();
                let mut writer = client;
                let _ = std::io::copy(&mut reader, &mut writer);
                let _ = writer.shutdown(std::net::Shutdown::Write);
            });
        }
    });
    addr
}

fn connect(proxy: &FaultProxy) -> TcpStream {
    let client = TcpStream::connect(proxy.addr()).unwrap();
    client.set_nodelay(true).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    client
}

fn say(client: &mut TcpStream, words: &[u8]) -> Vec<u8> {
    client.write_all(words).unwrap();
    let mut answer = vec![0; words.len()];
    client.read_exact(&mut answer).unwrap();
    answer
}
