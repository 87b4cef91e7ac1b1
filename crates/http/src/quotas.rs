//! How much one caller may ask for.
//!
//! Each quota is a rate that a caller can save up to its whole window
//! (draft-ietf-httpapi-ratelimit-headers). The numbers come from `governor`; what has to be
//! given back, because an answer cost nothing, is kept beside them.

mod meter;

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use percent_encoding::percent_decode_str;
use roster_domain::ports::Clock;

use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::settings::QuotaSettings;
pub(crate) use meter::Exceeded;
use meter::{Meter, Taken};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The quotas of every caller.
pub(crate) struct Quotas {
    requests: Option<Meter>,
    lookups: Option<Meter>,
    strong_reads: Option<Meter>,
    refused: Option<Meter>,
    callers: RandomState,
}

/// The quotas that one request was counted in.
#[derive(Default)]
pub(crate) struct Charge<'a>(Vec<Taken<'a>>);

/// Where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl Quotas {
    pub(crate) fn new(settings: &QuotaSettings, clock: &Arc<dyn Clock>, metrics: &Metrics) -> Self {
        let meter = |name, rate: Option<_>| {
            rate.map(|rate| Meter::new(name, rate, Arc::clone(clock), metrics))
        };
        Self {
            requests: meter("requests", settings.requests),
            lookups: meter("lookups", settings.lookups),
            strong_reads: meter("strong-reads", settings.strong_reads),
            refused: meter("refused", settings.refused),
            callers: RandomState::new(),
        }
    }

    /// The number of a caller; the same for as long as the process lives.
    pub(crate) fn number_of(&self, caller: impl Hash) -> u64 {
        self.callers.hash_one(caller)
    }

    /// Counts a request in every quota that it falls under, or says which one it is beyond.
    pub(crate) fn charge(
        &self,
        caller: u64,
        route: &str,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Charge<'_>, Problem> {
        let is_api = route.starts_with("/v1/");
        let applicable = [
            self.requests.as_ref().filter(|_| is_api),
            self.lookups.as_ref().filter(|_| is_look_up(route, method)),
            self.strong_reads
                .as_ref()
                .filter(|_| is_api && is_strong(uri, headers)),
        ];
        let mut charge = Charge::default();
        for meter in applicable.into_iter().flatten() {
            match meter.take(caller) {
                Ok(taken) => charge.0.push(taken),
                Err(exceeded) => {
                    // What is refused costs nothing anywhere else.
                    charge.give_back();
                    return Err(exceeded.into());
                }
            }
        }
        Ok(charge)
    }

    /// Counts a read that does not ask for the primary, but may need it all the same.
    pub(crate) fn charge_forced(&self, caller: u64) -> Result<Charge<'_>, Exceeded<'_>> {
        let meter = self.strong_reads.as_ref();
        let taken = meter.map(|meter| meter.take(caller)).transpose()?;
        Ok(Charge(taken.into_iter().collect()))
    }

    /// Counts a request that was not let in, for whoever sent it; answers why it was not, or
    /// that too many were not.
    ///
    /// After its token was looked at, and not before: many callers may share the address of a
    /// proxy, and those whose tokens are good are not to pay for the others.
    pub(crate) fn refused(&self, sender: u64, refusal: Problem) -> Problem {
        match self.refused.as_ref().map(|meter| meter.take(sender)) {
            None => refusal,
            Some(Err(exceeded)) => exceeded.into(),
            Some(Ok(taken)) => refusal
                .with_header(RATE_LIMIT_POLICY, taken.policy())
                .with_header(RATE_LIMIT, taken.left()),
        }
    }
}

impl Charge<'_> {
    /// Counts the request in none of them.
    pub(crate) fn give_back(&mut self) {
        for taken in &mut self.0 {
            taken.give_back();
        }
    }

    /// Says in an answer what is left.
    pub(crate) fn describe(&self, headers: &mut HeaderMap) {
        for taken in &self.0 {
            headers.append(RATE_LIMIT_POLICY, taken.policy());
            headers.append(RATE_LIMIT, taken.left());
        }
    }
}

impl Peer {
    /// What is counted as one caller: a host, or for IPv6 the network that one host can have
    /// all addresses of.
    pub(crate) fn network(self) -> (bool, u64) {
        match self.0.to_canonical() {
            IpAddr::V4(address) => (false, u64::from(address.to_bits())),
            IpAddr::V6(address) => {
                let upper = address.to_bits() >> 64;
                (true, u64::try_from(upper).unwrap_or_default())
            }
        }
    }
}

fn is_look_up(route: &str, method: &Method) -> bool {
    route == "/v1/users/lookup" && method == Method::POST
}

/// Whether a read asks for the primary, however that is written.
fn is_strong(uri: &Uri, headers: &HeaderMap) -> bool {
    let says_no_cache = |value: &HeaderValue| {
        value
            .as_bytes()
            .windows(b"no-cache".len())
            .any(|part| part.eq_ignore_ascii_case(b"no-cache"))
    };
    let in_query = uri.query().is_some_and(|query| {
        percent_decode_str(query)
            .decode_utf8_lossy()
            .contains("consistency=strong")
    });
    in_query
        || headers
            .get_all(header::CACHE_CONTROL)
            .iter()
            .any(says_no_cache)
}

#[cfg(test)]
mod tests;
