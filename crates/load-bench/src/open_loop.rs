//! The open loop: requests begin when they are due, whether or not earlier ones were answered, and
//! a latency counts from when its request was due. A server that stalls cannot slow its own load
//! down, as it does in a closed loop.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc};

use crate::Result;
use crate::requests::Request;
use crate::system::System;

/// How it goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Requests a second.
    pub(crate) rate: u32,
    pub(crate) connections: u32,
    pub(crate) lasting: Duration,
}

/// What came of it.
pub(crate) struct Open {
    /// Microseconds.
    pub(crate) latencies: Histogram<u64>,
    /// Without an answer, or with a status from 400 up.
    pub(crate) failed: u64,
}

type Due = mpsc::UnboundedReceiver<(usize, Instant)>;

/// Sends a list's requests in turn at a steady rate.
#[expect(clippy::disallowed_methods, reason = "a measurement of real time")]
pub(crate) async fn run(system: &System, requests: &Arc<[Request]>, pace: Pace) -> Result<Open> {
    let (sender, due) = mpsc::unbounded_channel();
    let due = Arc::new(Mutex::new(due));
    let mut workers = Vec::new();
    for _ in 0..pace.connections {
        let connection = Connection::open(system).await?;
        workers.push(tokio::spawn(work(
            connection,
            Arc::clone(&due),
            Arc::clone(requests),
        )));
    }
    // A thread: the timers of an executor tick once a millisecond.
    let pacer = std::thread::spawn(move || {
        // Else the system wakes it up to 50 µs late. Refused, it is late, and the same for all.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let started = Instant::now();
        let all = u64::from(pace.rate) * pace.lasting.as_secs();
        for number in 0..all {
            let at = started + Duration::from_nanos(number * 1_000_000_000 / u64::from(pace.rate));
            let now = Instant::now();
            if at > now {
                std::thread::sleep(at - now);
            }
            let number = usize::try_from(number).unwrap_or(usize::MAX);
            if sender.send((number, at)).is_err() {
                return;
            }
        }
    });
    let mut open = Open {
        latencies: Histogram::new(3)?,
        failed: 0,
    };
    for worker in workers {
        let (latencies, failed) = worker.await??;
        open.latencies.add(latencies)?;
        open.failed += failed;
    }
    pacer.join().map_err(|_| "the pacing thread failed")?;
    Ok(open)
}

#[expect(clippy::disallowed_methods, reason = "a measurement of real time")]
async fn work(
    mut connection: Connection,
    due: Arc<Mutex<Due>>,
    requests: Arc<[Request]>,
) -> Result<(Histogram<u64>, u64)> {
    let mut latencies = Histogram::new(3)?;
    let mut failed = 0;
    loop {
        let next = due.lock().await.recv().await;
        let Some((number, at)) = next else {
            return Ok((latencies, failed));
        };
        if !connection.send(&requests[number % requests.len()]).await {
            failed += 1;
        }
        let took = Instant::now().saturating_duration_since(at);
        latencies.record(u64::try_from(took.as_micros())?)?;
    }
}

/// One connection that is kept.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    headers: Vec<(String, String)>,
    host: String,
}

impl Connection {
    pub(crate) async fn open(system: &System) -> Result<Self> {
        let stream = TcpStream::connect(system.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            // It ends with the server or with the sender; either is seen at the next request.
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            headers: system.headers.clone(),
            host: system.address.to_string(),
        })
    }

    /// Whether the answer came, with a status below 400.
    pub(crate) async fn send(&mut self, request: &Request) -> bool {
        self.try_send(request).await.unwrap_or(false)
    }

    async fn try_send(&mut self, request: &Request) -> Result<bool> {
        let mut builder = hyper::Request::builder()
            .method(request.method)
            .uri(&request.path)
            .header("host", &self.host);
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        if let Some((name, value)) = request
            .header
            .as_deref()
            .and_then(|line| line.split_once(": "))
        {
            builder = builder.header(name, value);
        }
        if request.body.is_some() {
            builder = builder.header("content-type", "application/merge-patch+json");
        }
        let body = request.body.clone().map(Bytes::from).unwrap_or_default();
        self.sender.ready().await?;
        let mut response = self
            .sender
            .send_request(builder.body(Full::new(body))?)
            .await?;
        let ok = response.status().as_u16() < 400;
        while let Some(frame) = response.body_mut().frame().await {
            frame?;
        }
        Ok(ok)
    }
}
