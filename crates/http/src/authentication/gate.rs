use std::sync::Arc;

use http::HeaderMap;
use roster_app::{Standing, UserService};

use super::{Authentication, Reason, Refusal};
use crate::extract::Caller;
use crate::metrics::RefusedTokens;
use crate::problem::Problem;
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

    /// Who sends a request with these headers.
    pub(crate) async fn admit(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let admitted = self.examine(headers).await;
        admitted.map_err(|refusal| {
            if let Refusal::Token(reason) = refusal {
                self.refused.count(reason);
            }
            refusal.into()
        })
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
