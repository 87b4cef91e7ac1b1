use std::fmt;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::uri::Scheme;
use http::{Request, Uri, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::certificates::{CertificatesError, NotVouchedFor, Vouching, refusal};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An address that answers a JSON Web Key Set, over TLS unless it is on this machine.
pub struct JwksAddress {
    uri: Uri,
    vouching: Vouching,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

impl JwksAddress {
    /// How long an answer may take.
    const LIMIT: Duration = Duration::from_secs(5);
    /// How long it may be.
    const MAX_ANSWER: usize = 512 * 1024;

    /// An address, whose certificate must be vouched for by the authorities in the file `ca`, or
    /// else by those that the machine trusts.
    pub fn new(uri: Uri, ca: Option<&Path>) -> Result<Self, CertificatesError> {
        let vouching = match ca {
            Some(path) => Vouching::File(path.to_owned()),
            None if uri.scheme() == Some(&Scheme::HTTPS) => Vouching::Machine,
            None => Vouching::Nobody,
        };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(vouching.tls()?)
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            uri,
            vouching,
            client: Client::builder(TokioExecutor::new()).build(connector),
        })
    }

    /// Asks for the set. A redirection is no answer: it would lead where nobody decided to go.
    pub(super) async fn fetch(&self) -> Result<Bytes, BoxError> {
        tokio::time::timeout(Self::LIMIT, self.ask()).await?
    }

    async fn ask(&self) -> Result<Bytes, BoxError> {
        let request = Request::get(self.uri.clone())
            .header(header::ACCEPT, "application/jwk-set+json, application/json")
            .body(Empty::new())?;
        let response =
            self.client
                .request(request)
                .await
                .map_err(|error| match refusal(&error) {
                    Some(source) => BoxError::from(NotVouchedFor {
                        address: self.uri.to_string(),
                        vouching: self.vouching.clone(),
                        source,
                    }),
                    None => error.into(),
                })?;
        if !response.status().is_success() {
            return Err(format!("it answers {}", response.status()).into());
        }
        let body = Limited::new(response.into_body(), Self::MAX_ANSWER);
        Ok(body.collect().await?.to_bytes())
    }
}

impl fmt::Display for JwksAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}
