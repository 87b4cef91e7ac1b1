//! Who sends a request: bearer tokens, the keys that they are signed with, and what has been
//! verified before.
//!
//! A token is a JWT (RFC 7519) signed by a private key of an issuer that the settings name.
//! Nothing in a token says how it is to be checked: its algorithm must be one that the issuer
//! is allowed and that fits the key, and the key is one that the issuer's set holds. Secrets
//! that both sides know (HS256) are not taken from anybody.

mod bearer;
mod refusal;

mod claims;
mod token;

mod issuer;
mod issuers;
mod keys;
mod local_key;
mod remembered;

mod gate;
mod hosts;

use std::sync::Arc;

use roster_app::Principal;

pub use issuer::{Algorithm, Issuer, Subjects};
pub use issuers::Issuers;
pub use keys::{CertificatesError, JwksAddress, KeyError, KeySource, Keys};
pub use local_key::{Grant, LocalKey, LocalKeyError};

pub(crate) use gate::Gate;
pub(crate) use hosts::Hosts;
pub(crate) use refusal::{Reason, Refusal, TurnedAway};

/// Whether callers are asked who they are.
#[derive(Clone)]
pub enum Authentication {
    /// By a token of one of these issuers.
    Required(Arc<Issuers>),
    /// Not at all: everybody is let in and may do everything. For a loopback address only.
    Off(Arc<Principal>),
}

impl Authentication {
    /// Callers are asked for a token of one of these issuers.
    pub fn required(issuers: Issuers) -> Self {
        Self::Required(Arc::new(issuers))
    }

    /// Nobody is asked.
    pub fn off() -> Self {
        Self::Off(Arc::new(Principal::anybody()))
    }
}
