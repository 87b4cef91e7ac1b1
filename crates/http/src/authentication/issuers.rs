use std::sync::Arc;

use http::HeaderMap;
use roster_app::Principal;
use roster_domain::ports::Clock;

use super::claims::Claims;
use super::keys::{KeySet, KeysState};
use super::remembered::{Digest, Remembered};
use super::token::Token;
use super::{Issuer, Reason, Refusal, bearer};

/// Everybody whose tokens are accepted, and the tokens that were.
pub struct Issuers {
    trusted: Vec<Issuer>,
    remembered: Remembered,
    clock: Arc<dyn Clock>,
}

impl Issuers {
    /// These issuers, each with a name of its own.
    pub fn new(issuers: Vec<Issuer>, clock: Arc<dyn Clock>) -> Self {
        Self {
            trusted: issuers,
            remembered: Remembered::new(),
            clock,
        }
    }

    /// Reads keys anew, each issuer's at its own pace, for ever.
    pub async fn keep_keys_fresh(self: Arc<Self>) {
        let rounds = self.trusted.iter().map(|issuer| issuer.keys.keep_fresh());
        futures::future::join_all(rounds).await;
    }

    /// Whom the token of a request speaks of. A token that was verified before costs a hash
    /// and a look-up.
    pub(crate) async fn principal(&self, headers: &HeaderMap) -> Result<Arc<Principal>, Refusal> {
        let text = bearer::token(headers)?;
        let digest = Digest::of(text);
        match self.remembered_by(&digest) {
            Some(principal) => Ok(principal),
            None => self.verify(text, digest).await,
        }
    }

    /// Whom the token of a request speaks of, if it was verified before.
    pub(super) fn remembered(&self, headers: &HeaderMap) -> Option<Arc<Principal>> {
        self.remembered_by(&Digest::of(bearer::token(headers).ok()?))
    }

    fn remembered_by(&self, digest: &Digest) -> Option<Arc<Principal>> {
        let now = self.clock.coarse();
        self.remembered
            .get(digest, now, |issuer| self.generation(issuer))
    }

    async fn verify(&self, text: &str, digest: Digest) -> Result<Arc<Principal>, Refusal> {
        let token = Token::read(text).map_err(Refusal::Token)?;
        let claims = Claims::read(&token.payload).map_err(Refusal::Token)?;
        let (number, issuer) = self
            .trusted
            .iter()
            .enumerate()
            .find(|(_, issuer)| issuer.name == claims.issuer)
            .ok_or(Refusal::Token(Reason::Issuer))?;
        if !issuer.algorithms.contains(&token.header.algorithm) {
            return Err(Refusal::Token(Reason::Algorithm));
        }
        let KeysState { set, generation } = keys_for(issuer, &token).await?;
        let key = set
            .find(token.header.kid.as_deref(), token.header.algorithm)
            .ok_or(Refusal::Token(Reason::Key))?;
        if !key.has_signed(&token) {
            return Err(Refusal::Token(Reason::Signature));
        }
        let principal = Arc::new(issuer.principal(&claims).map_err(Refusal::Token)?);
        // Last: nothing else is wrong with a token that has merely expired.
        let left = claims.left(self.clock.now()).map_err(Refusal::Token)?;
        let until = self.clock.monotonic().saturating_add(left);
        self.remembered
            .insert(digest, Arc::clone(&principal), until, number, generation);
        Ok(principal)
    }

    fn generation(&self, issuer: usize) -> Option<u64> {
        Some(self.trusted.get(issuer)?.keys.generation())
    }
}

/// The issuer's keys; read anew when the token names one that is not among them.
async fn keys_for(issuer: &Issuer, token: &Token<'_>) -> Result<KeysState, Refusal> {
    let has = |set: &KeySet| {
        set.find(token.header.kid.as_deref(), token.header.algorithm)
            .is_some()
    };
    if let Some(state) = issuer.keys.current().filter(|state| has(&state.set)) {
        return Ok(state);
    }
    issuer.keys.refresh().await;
    issuer.keys.current().ok_or(Refusal::NoKeys)
}
