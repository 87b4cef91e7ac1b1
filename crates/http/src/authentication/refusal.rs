use http::HeaderValue;
use http::header::WWW_AUTHENTICATE;

use crate::problem::{Problem, ProblemType};

/// Why a caller is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The request has no token.
    Missing,
    /// It has one that is not accepted.
    Token(Reason),
    /// Its issuer's keys have not been read yet, so that nobody can say.
    NoKeys,
}

/// What is wrong with a token. Callers learn no more than whether it has expired; the metric
/// counts each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It is not three parts of base64url with the JSON that belongs into them.
    Malformed,
    /// Its header asks for what is never done: other keys, extensions, encryption.
    Header,
    /// It is signed by an algorithm that its issuer may not use.
    Algorithm,
    /// It names an issuer that the settings do not.
    Issuer,
    /// It names a key that the issuer does not have.
    Key,
    /// The signature is not the key's.
    Signature,
    /// It is meant for another service.
    Audience,
    /// It is over, and right in everything else: its issuer made it for this service.
    Expired,
    /// It is not valid yet, or does not say until when.
    Time,
    /// It names no subject that the issuer may speak of.
    Subject,
    /// Its user is deactivated, deleted or not there.
    Revoked,
}

/// A request that is not let in.
pub(crate) struct TurnedAway {
    /// What it is answered.
    pub(crate) problem: Problem,
    /// Whether it may be one of many that try what lets them in.
    pub(crate) may_be_a_guess: bool,
}

impl Reason {
    /// All of them.
    pub(crate) const ALL: [Self; 11] = [
        Self::Malformed,
        Self::Header,
        Self::Algorithm,
        Self::Issuer,
        Self::Key,
        Self::Signature,
        Self::Audience,
        Self::Expired,
        Self::Time,
        Self::Subject,
        Self::Revoked,
    ];

    /// Its name in metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Header => "header",
            Self::Algorithm => "algorithm",
            Self::Issuer => "issuer",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::Time => "time",
            Self::Subject => "subject",
            Self::Revoked => "revoked",
        }
    }
}

impl Refusal {
    /// Whether a request may be one of many that try what lets them in. Who brings a token that
    /// was good until its time was over does not guess.
    fn may_be_a_guess(self) -> bool {
        match self {
            Self::Missing => true,
            Self::Token(reason) => reason != Reason::Expired,
            Self::NoKeys => false,
        }
    }
}

impl From<Refusal> for TurnedAway {
    fn from(refusal: Refusal) -> Self {
        Self {
            problem: refusal.into(),
            may_be_a_guess: refusal.may_be_a_guess(),
        }
    }
}

impl From<Problem> for TurnedAway {
    /// Before anybody knew who it is.
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            may_be_a_guess: false,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        const EXPIRED: &str = "The token has expired, or is not valid yet.";
        const REFUSED: &str = "The token is not one that this service accepts.";
        let detail = match refusal {
            Refusal::Missing => return Self::unauthenticated(),
            Refusal::NoKeys => {
                return Self::new(
                    ProblemType::DependencyUnavailable,
                    "The keys of the token's issuer cannot be read just now.",
                );
            }
            Refusal::Token(Reason::Expired | Reason::Time) => EXPIRED,
            Refusal::Token(_) => REFUSED,
        };
        Self::new(ProblemType::Unauthenticated, detail).with_header(
            WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"roster\", error=\"invalid_token\""),
        )
    }
}
