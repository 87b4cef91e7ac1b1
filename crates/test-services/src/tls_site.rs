use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::BoxError;

/// An authority that nobody but the test knows, for certificates of a [`TlsSite`].
pub struct TlsAuthority(CertifiedIssuer<'static, KeyPair>);

impl TlsAuthority {
    /// A new one.
    pub fn new() -> Result<Self, BoxError> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self(issuer))
    }

    /// Its own certificate, as a file would hold it.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    fn tls(&self, name: &str) -> Result<ServerConfig, BoxError> {
        let key = KeyPair::generate()?;
        let params = CertificateParams::new([name.to_owned()])?;
        let certificate = params.signed_by(&key, &self.0)?;
        let key = PrivateKeyDer::try_from(key.serialize_der())?;
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(config)
    }
}

/// A web server over TLS on a free loopback port, which answers every request with the same body.
pub struct TlsSite {
    address: SocketAddr,
    said: Arc<Said>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Said {
    body: Mutex<String>,
    times: AtomicUsize,
}

impl TlsSite {
    /// Starts one whose certificate is for `name`, a host or an address.
    pub async fn start(authority: &TlsAuthority, name: &str) -> Result<Self, BoxError> {
        let acceptor = TlsAcceptor::from(Arc::new(authority.tls(name)?));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let said = Arc::new(Said::default());
        let task = tokio::spawn(serve(listener, acceptor, Arc::clone(&said)));
        Ok(Self {
            address,
            said,
            task,
        })
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.address
    }

    /// What it answers from now on.
    pub fn says(&self, body: &str) {
        let mut held = self
            .said
            .body
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        body.clone_into(&mut held);
    }

    /// How often it has answered.
    pub fn answered(&self) -> usize {
        self.said.times.load(Ordering::SeqCst)
    }
}

impl Drop for TlsSite {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, said: Arc<Said>) {
    while let Ok((stream, _)) = listener.accept().await {
        // A client that turns away from the certificate is no failure of the site.
        let _ = answer(stream, &acceptor, &said).await;
    }
}

async fn answer(stream: TcpStream, acceptor: &TlsAcceptor, said: &Said) -> io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut request = [0; 4_096];
    let read = stream.read(&mut request).await?;
    if read == 0 {
        return Ok(());
    }
    let body = {
        let held = said.body.lock().unwrap_or_else(PoisonError::into_inner);
        held.clone()
    };
    said.times.fetch_add(1, Ordering::SeqCst);
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}
