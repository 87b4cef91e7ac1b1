use std::sync::Arc;

use futures::FutureExt as _;
use http::HeaderMap;
use roster_app::{Standing, UserService};

use super::{Authentication, Reason, Refusal, TurnedAway};
use crate::extract::Caller;
use crate::metrics::RefusedTokens;
use crate::services::Services;

/// Lets callers in, or does not.
pub(crate) struct Gate {
    authentication: Authentication,
    users: Arc<UserService>,
    refused: RefusedTokens,
}

impl Gate {
    pub(crate) fn new(services: &Services) -> Self {
        Self {
            authentication: services.authentication.clone(),
            users: Arc::clone(&services.users),
            refused: services.metrics.refused_tokens(),
        }
    }

    /// Whether everybody is let in.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.authentication, Authentication::Off(_))
    }

    /// Who sends a request with these headers.
    pub(crate) async fn admit(&self, headers: &HeaderMap) -> Result<Caller, TurnedAway> {
        let admitted = self.examine(headers).await;
        admitted.map_err(|refusal| {
            if let Refusal::Token(reason) = refusal {
                self.refused.count(reason);
            }
            refusal.into()
        })
    }

    /// Who sends a request, if that is known at once: the token was verified before, and the
    /// user's standing is at hand. Nothing is refused or counted here.
    pub(crate) fn at_hand(&self, headers: &HeaderMap) -> Option<Caller> {
        let issuers = match &self.authentication {
            Authentication::Required(issuers) => issuers,
            Authentication::Off(anybody) => {
                return Some(Caller::new(Arc::clone(anybody), Standing::Good));
            }
        };
        let principal = issuers.remembered(headers)?;
        let standing = match principal.user() {
            None => Standing::Good,
            Some(id) => self.users.standing(id).now_or_never()?,
        };
        (standing == Standing::Good).then(|| Caller::new(principal, standing))
    }

    async fn examine(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let issuers = match &self.authentication {
            Authentication::Required(issuers) => issuers,
            Authentication::Off(anybody) => {
                return Ok(Caller::new(Arc::clone(anybody), Standing::Good));
            }
        };
        let principal = issuers.principal(headers).await?;
        let standing = match principal.user() {
            None => Standing::Good,
            Some(id) => self.users.standing(id).await,
        };
        match standing {
            Standing::Revoked => Err(Refusal::Token(Reason::Revoked)),
            Standing::Good | Standing::Unknown => Ok(Caller::new(principal, standing)),
        }
    }
}
