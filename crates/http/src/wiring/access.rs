use std::sync::Arc;

use roster_app::Runtime;
use roster_domain::ports::{Clock, IdSource};

use super::StartError;
use crate::authentication::{
    Algorithm, Authentication, Issuer, Issuers, JwksAddress, KeySource, Keys, LocalKey, Subjects,
};
use crate::settings::{AccessSettings, IssuerSettings, JwksLocation};

/// Who is let in, with every key that can be read now. The service's own key is made when it
/// is to have one and has none.
pub(super) fn open(
    settings: &AccessSettings,
    runtime: &Runtime,
) -> Result<Authentication, StartError> {
    if !settings.required {
        return Ok(Authentication::off());
    }
    let mut issuers = Vec::new();
    if let Some(path) = &settings.local_key {
        LocalKey::load_or_make(path, secret(&*runtime.ids)).map_err(StartError::LocalKey)?;
        issuers.push(Issuer {
            name: LocalKey::ISSUER.to_owned(),
            audiences: vec![LocalKey::AUDIENCE.to_owned()],
            algorithms: vec![Algorithm::EdDsa],
            subjects: Subjects::Both,
            keys: keys(
                LocalKey::ISSUER,
                KeySource::Local(path.clone()),
                &runtime.clock,
            )?,
        });
    }
    for settings in &settings.issuers {
        issuers.push(issuer(settings, &runtime.clock)?);
    }
    Ok(Authentication::required(Issuers::new(
        issuers,
        Arc::clone(&runtime.clock),
    )))
}

/// 256 bits that nobody can guess.
pub(crate) fn secret(ids: &dyn IdSource) -> [u8; 32] {
    let mut secret = [0; 32];
    for half in secret.chunks_mut(16) {
        half.copy_from_slice(&ids.random_token());
    }
    secret
}

fn issuer(settings: &IssuerSettings, clock: &Arc<dyn Clock>) -> Result<Issuer, StartError> {
    let name = settings.issuer.clone();
    let source = match &settings.jwks {
        JwksLocation::File(path) => KeySource::File(path.clone()),
        JwksLocation::Address { uri, ca } => {
            let address = JwksAddress::new(uri.clone(), ca.as_deref());
            let address = address.map_err(|source| StartError::Certificates {
                issuer: name.clone(),
                source,
            })?;
            KeySource::Address(Box::new(address))
        }
    };
    Ok(Issuer {
        keys: keys(&name, source, clock)?,
        name,
        audiences: settings.audiences.clone(),
        algorithms: settings.algorithms.clone(),
        subjects: settings.subjects,
    })
}

fn keys(name: &str, source: KeySource, clock: &Arc<dyn Clock>) -> Result<Arc<Keys>, StartError> {
    let place = source.to_string();
    let keys = Keys::open(source, Arc::clone(clock)).map_err(|source| StartError::IssuerKeys {
        issuer: name.to_owned(),
        place,
        source,
    })?;
    Ok(Arc::new(keys))
}
