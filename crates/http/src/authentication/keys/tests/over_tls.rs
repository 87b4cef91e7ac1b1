//! Key sets from an address with a certificate of an authority that only some know.

use std::error::Error;
use std::path::PathBuf;

use roster_test_services::{Fault, FaultProxy, TlsAuthority, TlsSite};

use super::*;
use crate::authentication::CertificatesError;

/// A site with an authority of its own, whose certificate is in a file.
struct Private {
    site: TlsSite,
    /// In front of the site: it can go away and come back.
    way: FaultProxy,
    ca: PathBuf,
    _folder: tempfile::TempDir,
}

impl Private {
    async fn start(name: &str) -> Self {
        let authority = TlsAuthority::new().unwrap();
        let site = TlsSite::start(&authority, name).await.unwrap();
        site.says(&jwks("one"));
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, authority.pem()).unwrap();
        Self {
            way: FaultProxy::start(site.addr()),
            site,
            ca,
            _folder: folder,
        }
    }

    fn uri(&self) -> String {
        format!("https://{}/jwks", self.way.addr())
    }

    fn source(&self, ca: Option<&Path>) -> KeySource {
        let address = JwksAddress::new(self.uri().parse().unwrap(), ca);
        KeySource::Address(Box::new(address.unwrap()))
    }
}

/// An error and everything below it.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}

#[tokio::test]
async fn a_private_authority_is_believed_by_whom_it_was_named_to() {
    let private = Private::start("127.0.0.1").await;
    let kept = Kept::start(private.source(Some(&private.ca))).await;
    assert!(has(&kept.keys, "one"));
    // The issuer turns to another key: a token that names it has it read.
    private.site.says(&jwks("two"));
    kept.pass(11).await;
    kept.keys.refresh().await;
    assert!(has(&kept.keys, "two") && !has(&kept.keys, "one"));
    // It goes away, for longer than keys are kept without being read again.
    private.way.set(Fault::Refuse);
    let (before, answered) = (kept.readings(), private.site.answered());
    kept.pass(601).await;
    assert!(kept.readings() >= before + 2, "it was asked meanwhile");
    assert_eq!(private.site.answered(), answered);
    assert!(has(&kept.keys, "two"));
    // And comes back with a third.
    private.site.says(&jwks("three"));
    private.way.set(Fault::Pass);
    kept.pass(301).await;
    assert!(has(&kept.keys, "three") && !has(&kept.keys, "two"));
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused_by_name() {
    let private = Private::start("127.0.0.1").await;
    let stranger = Private::start("127.0.0.1").await;
    for (ca, vouching) in [
        (None, "this machine".to_owned()),
        (Some(&*stranger.ca), stranger.ca.display().to_string()),
    ] {
        let said = chain(&private.source(ca).read().await.unwrap_err());
        for named in [
            &*private.uri(),
            &*format!("that {vouching} does not vouch for"),
            "invalid peer certificate",
        ] {
            assert!(said.contains(named), "{named:?} is missing: {said}");
        }
    }
    assert_eq!(private.site.answered(), 0, "nothing is asked before");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_by_name() {
    let private = Private::start("other.example").await;
    let source = private.source(Some(&private.ca));
    let said = chain(&source.read().await.unwrap_err());
    assert!(said.contains(&private.uri()), "{said}");
    assert!(said.contains("other.example"), "{said}");
}

#[test]
fn a_file_without_certificates_is_no_authority() {
    let folder = tempfile::tempdir().unwrap();
    let uri = || "https://id.example/jwks".parse().unwrap();
    let open = |path: &Path| JwksAddress::new(uri(), Some(path)).err().unwrap();
    let missing = folder.path().join("missing.pem");
    assert!(matches!(open(&missing), CertificatesError::File { path, .. } if path == missing));
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "no certificate").unwrap();
    assert!(matches!(open(&empty), CertificatesError::Empty(path) if path == empty));
    let torn = folder.path().join("torn.pem");
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(&torn, pem).unwrap();
    assert!(matches!(open(&torn), CertificatesError::File { path, .. } if path == torn));
}
