//! Who is let in, as the settings say it.

use std::path::PathBuf;

use http::Uri;
use serde::Deserialize;

use super::HttpSettings;
use super::definitions as of;
use super::resolver::{GivenFile, Resolver};
use crate::authentication::{Algorithm, LocalKey, Subjects};

/// Who is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessSettings {
    /// Whether callers are asked who they are.
    pub required: bool,
    /// The file with the service's own keys; `None` when it takes no tokens of its own.
    pub local_key: Option<PathBuf>,
    /// Whose tokens are accepted beside its own.
    pub issuers: Vec<IssuerSettings>,
}

/// Somebody whose tokens are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerSettings {
    /// What its tokens say in `iss`.
    pub issuer: String,
    /// One of these stands in `aud`.
    pub audiences: Vec<String>,
    /// Where its keys are.
    pub jwks: JwksLocation,
    /// How it signs.
    pub algorithms: Vec<Algorithm>,
    /// Whom it speaks of.
    pub subjects: Subjects,
}

/// Where a JSON Web Key Set is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwksLocation {
    /// In a file.
    File(PathBuf),
    /// At an address.
    Address {
        /// The address.
        uri: Uri,
        /// A file with the authorities that vouch for its certificate; without one those that
        /// the machine trusts do.
        ca: Option<PathBuf>,
    },
}

/// The file with the service's own keys, in the data folder.
const LOCAL_KEY: &str = "token-key.pem";

pub(super) fn access(
    resolver: &mut Resolver,
    http: &HttpSettings,
    data_dir: &str,
) -> AccessSettings {
    let required = resolver.choice(&of::AUTH_MODE, &[("required", true), ("off", false)]);
    let given = resolver.file(&of::AUTH_LOCAL_KEY);
    let issuers = issuers(resolver);
    let required = required.unwrap_or(true);
    if !required && !http.listen.ip().is_loopback() {
        let source = resolver.source(&of::AUTH_MODE);
        resolver.refuse(format!(
            "{source} is \"off\", but the API listens on {address}, which is not a loopback address: everybody who \
             reaches it would be let in, and may do everything. Leave authentication on, or listen on 127.0.0.1:{port}",
            address = http.listen,
            port = http.listen.port()
        ));
    }
    // Who names issuers has decided whose tokens count: no further ones by accident.
    let local_key = match given {
        GivenFile::At(path) => Some(path),
        GivenFile::None => None,
        GivenFile::Unsaid => issuers
            .is_empty()
            .then(|| PathBuf::from(data_dir).join(LOCAL_KEY)),
    };
    if required && local_key.is_none() && issuers.is_empty() {
        let source = resolver.source(&of::AUTH_LOCAL_KEY);
        resolver.refuse(format!(
            "{source} is \"none\" and auth.issuers names nobody, so that no token could be accepted: name an issuer, \
             or leave {variable} out",
            variable = of::AUTH_LOCAL_KEY.key
        ));
    }
    AccessSettings {
        required,
        local_key,
        issuers,
    }
}

/// An issuer as it is written: a table of the file, or a JSON object in a variable.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    issuer: String,
    audience: OneOrMany,
    jwks: String,
    ca: Option<PathBuf>,
    algorithms: Vec<String>,
    subjects: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

fn issuers(resolver: &mut Resolver) -> Vec<IssuerSettings> {
    let Some((text, source)) = resolver.optional_text(&of::AUTH_ISSUERS) else {
        return Vec::new();
    };
    let written: Vec<Written> = match serde_json::from_str(&text) {
        Ok(written) => written,
        Err(error) => {
            resolver.refuse(format!(
                "{source} is not {}: {error}",
                of::AUTH_ISSUERS.kind
            ));
            return Vec::new();
        }
    };
    let mut issuers: Vec<IssuerSettings> = Vec::new();
    for written in written {
        let name = written.issuer.clone();
        let is_taken =
            name == LocalKey::ISSUER || issuers.iter().any(|issuer| issuer.issuer == name);
        let read = if is_taken {
            Err("the name is the service's own, or stands twice".to_owned())
        } else {
            IssuerSettings::read(written)
        };
        match read {
            Ok(issuer) => issuers.push(issuer),
            Err(problem) => resolver.refuse(format!("{source}: the issuer {name:?}: {problem}")),
        }
    }
    issuers
}

impl IssuerSettings {
    fn read(written: Written) -> Result<Self, String> {
        let audiences = match written.audience {
            OneOrMany::One(audience) => vec![audience],
            OneOrMany::Many(audiences) => audiences,
        };
        if written.issuer.is_empty()
            || audiences.iter().any(String::is_empty)
            || audiences.is_empty()
        {
            return Err(
                "issuer and audience are the texts that its tokens carry in iss and aud".to_owned(),
            );
        }
        let algorithms: Option<Vec<Algorithm>> = written
            .algorithms
            .iter()
            .map(|name| Algorithm::named(name))
            .collect();
        let algorithms = algorithms.filter(|list| !list.is_empty()).ok_or_else(|| {
            let names = Algorithm::ALL.map(Algorithm::name).join(", ");
            format!("algorithms is a list of {names}; a secret that both sides know (HS256) is not taken")
        })?;
        let subjects = match written.subjects.as_deref() {
            None => Subjects::default(),
            Some(word) => {
                let known = Subjects::ALL.into_iter().find(|(name, _)| *name == word);
                known
                    .ok_or("subjects is \"users\", \"services\" or \"both\"")?
                    .1
            }
        };
        Ok(Self {
            jwks: JwksLocation::read(&written.jwks, written.ca)?,
            issuer: written.issuer,
            audiences,
            algorithms,
            subjects,
        })
    }
}

impl JwksLocation {
    /// Keys that come over the network in the clear could be anybody's.
    fn read(text: &str, ca: Option<PathBuf>) -> Result<Self, String> {
        if text.is_empty() {
            return Err("jwks is the path of a file, or an https address".to_owned());
        }
        let no_certificate = ca.is_some().then(|| {
            "ca names the certificates that vouch for an https address, and jwks is none".to_owned()
        });
        if !text.contains("://") {
            return no_certificate.map_or_else(|| Ok(Self::File(text.into())), Err);
        }
        let uri: Uri = text
            .parse()
            .map_err(|_| "jwks is not an address".to_owned())?;
        let local = matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
        match uri.scheme_str() {
            Some("https") => Ok(Self::Address { uri, ca }),
            Some("http") if local => {
                no_certificate.map_or_else(|| Ok(Self::Address { uri, ca: None }), Err)
            }
            _ => Err("jwks is an https address, or http on this machine".to_owned()),
        }
    }
}

/// A list of host names, separated by commas.
pub(super) fn host_names(text: &str) -> Option<Vec<String>> {
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || b"-._[]:".contains(&octet))
    };
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    names.iter().all(|name| is_name(name)).then_some(names)
}
