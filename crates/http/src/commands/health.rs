use http::Method;

use super::client::Client;
use super::{Failure, output};
use crate::settings::Settings;

/// Asks the service at the configured address whether it is ready.
pub(super) async fn run(settings: &Settings) -> Result<(), Failure> {
    let reply = Client::new(settings).send(Method::GET, "/readyz").await?;
    let text = format!(
        "{}: {}\n{}\n",
        reply.url,
        reply.status,
        String::from_utf8_lossy(&reply.body).trim_end()
    );
    if reply.status.is_success() {
        output::write(text.as_bytes())
    } else {
        Err(Failure::message(format!(
            "the service is not ready: {}",
            text.trim_end()
        )))
    }
}
