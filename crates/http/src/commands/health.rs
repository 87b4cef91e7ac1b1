use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use roster_domain::ports::BoxError;
use tokio::net::TcpStream;

use super::{Failure, output};
use crate::settings::Settings;

/// Asks the service at the configured address whether it is ready.
pub(super) async fn run(settings: &Settings) -> Result<(), Failure> {
    const LIMIT: Duration = Duration::from_secs(5);
    let address = settings.http.listen;
    let away = |error| {
        Failure::new(
            format!("no service answers at http://{address}/readyz"),
            error,
        )
    };
    let (status, body) = match tokio::time::timeout(LIMIT, ask(address)).await {
        Ok(answer) => answer.map_err(away)?,
        Err(elapsed) => return Err(away(elapsed.into())),
    };
    let text = format!(
        "http://{address}/readyz: {}\n{}\n",
        status,
        String::from_utf8_lossy(&body).trim_end()
    );
    if status.is_success() {
        output::write(text.as_bytes())
    } else {
        Err(Failure::message(format!(
            "the service is not ready: {}",
            text.trim_end()
        )))
    }
}

async fn ask(address: SocketAddr) -> Result<(StatusCode, Bytes), BoxError> {
    const MAX_ANSWER: usize = 64 * 1024;
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get("/readyz")
        .header(HOST, address.to_string())
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_ANSWER)
        .collect()
        .await?
        .to_bytes();
    Ok((status, body))
}
