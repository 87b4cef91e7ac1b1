use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use roster_app::Scope;
use roster_domain::ports::BoxError;
use tokio::net::TcpStream;

use super::{Failure, token};
use crate::settings::Settings;

/// The service that runs at the configured address.
pub(super) struct Client {
    address: SocketAddr,
    token: Option<String>,
}

/// What it said.
pub(super) struct Reply {
    /// Who was asked for what.
    pub(super) url: String,
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

impl Client {
    /// Longer than the service lets a request take.
    const LIMIT: Duration = Duration::from_secs(5);
    const MAX_ANSWER: usize = 64 * 1024;

    /// One that says nothing of who asks.
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            address: settings.http.listen,
            token: None,
        }
    }

    /// One that may do what operators do: with this token, or with one of the service's own
    /// key where this command can read it.
    pub(super) fn of_operator(settings: &Settings, token: Option<String>) -> Self {
        const TTL: Duration = Duration::from_mins(1);
        Self {
            token: token.or_else(|| token::of_own_key(settings, Scope::Ops, TTL)),
            ..Self::new(settings)
        }
    }

    /// Sends a request without a body, and takes any status for an answer.
    pub(super) async fn send(&self, method: Method, path: &str) -> Result<Reply, Failure> {
        let url = format!("http://{}{path}", self.address);
        let answer = tokio::time::timeout(Self::LIMIT, self.ask(method, path));
        match answer.await.map_err(BoxError::from).flatten() {
            Ok((status, body)) => Ok(Reply { url, status, body }),
            Err(error) => {
                let message = format!(
                    "no service answers at {url}; --listen or ROSTER_LISTEN says where it is, and `roster serve` starts it"
                );
                Err(Failure::new(message, error))
            }
        }
    }

    async fn ask(&self, method: Method, path: &str) -> Result<(StatusCode, Bytes), BoxError> {
        let stream = TcpStream::connect(self.address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.address.to_string());
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Empty::<Bytes>::new())?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), Self::MAX_ANSWER);
        Ok((status, body.collect().await?.to_bytes()))
    }
}
