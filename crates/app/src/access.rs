//! Who may do what: callers, their scopes, and the policy. Nothing here knows of tokens or HTTP.

mod policy;
mod principal;
mod scope;
mod standing;

pub use policy::{Action, Forbidden, UserChange};
pub use principal::{Principal, PrincipalKey, Subject};
pub use scope::{Scope, Scopes};
pub use standing::Standing;
