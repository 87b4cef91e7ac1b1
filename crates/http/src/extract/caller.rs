use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::HeaderValue;
use http::header::WWW_AUTHENTICATE;
use http::request::Parts;
use roster_app::{Action, Forbidden, Principal, Standing, UserService};
use roster_domain::UserId;

use crate::authentication::{Reason, Refusal};
use crate::problem::{Problem, ProblemType};

/// Who sent the request, as the layer around every route has found out.
///
/// A route that nobody has to authenticate for has none; taking it there is answered as if the
/// request had no token.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Who it is; what is kept for each caller is kept under its key.
    pub(crate) principal: Arc<Principal>,
    standing: Standing,
}

impl Caller {
    /// Somebody who was let in. [`Standing::Unknown`] takes every right to change something.
    pub(crate) fn new(principal: Arc<Principal>, standing: Standing) -> Self {
        Self {
            principal,
            standing,
        }
    }

    /// Refuses what the policy does not allow. A handler asks before it looks anything up.
    pub(crate) fn may(&self, action: Action) -> Result<(), Problem> {
        self.principal.may(action)?;
        allows(self.standing, action)
    }

    /// The same later on, while what the request began goes on.
    pub(crate) async fn may_still(
        &self,
        action: Action,
        users: &UserService,
    ) -> Result<(), Problem> {
        match self.principal.user() {
            Some(id) => allows(users.standing(id).await, action),
            None => Ok(()),
        }
    }

    /// The user that it is. A service is none.
    pub(crate) fn user(&self) -> Result<UserId, Problem> {
        self.principal.user().ok_or_else(|| {
            Problem::new(
                ProblemType::Forbidden,
                "The token is a service's, and \"me\" is a user.",
            )
        })
    }
}

fn allows(standing: Standing, action: Action) -> Result<(), Problem> {
    match standing {
        Standing::Revoked => Err(Refusal::Token(Reason::Revoked).into()),
        Standing::Unknown if !action.is_read() => Err(Problem::new(
            ProblemType::DependencyUnavailable,
            "Whether the caller may still act cannot be found out just now; reads go on.",
        )),
        Standing::Good | Standing::Unknown => Ok(()),
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(Problem::unauthenticated)
    }
}

impl Problem {
    /// A request that says nothing of who sends it.
    pub(crate) fn unauthenticated() -> Self {
        Self::new(
            ProblemType::Unauthenticated,
            "The request needs a token: Authorization: Bearer …",
        )
        .with_header(
            WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"roster\""),
        )
    }
}

impl From<Forbidden> for Problem {
    fn from(Forbidden { needs }: Forbidden) -> Self {
        let challenge =
            format!("Bearer realm=\"roster\", error=\"insufficient_scope\", scope=\"{needs}\"");
        let detail = format!("The token does not allow this; the scope {needs} would.");
        let problem = Self::new(ProblemType::Forbidden, detail);
        match HeaderValue::try_from(challenge) {
            Ok(challenge) => problem.with_header(WWW_AUTHENTICATE, challenge),
            Err(error) => Self::internal(error),
        }
    }
}
