use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header that carries the id in both directions.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names requests: a random number of this process and a count, because a UUID for each
/// costs more than the rest of the layer.
pub(super) struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    const LONGEST: usize = 128;

    pub(super) fn new(random: [u8; 16]) -> Self {
        let number = u128::from_be_bytes(random);
        // Folded, so that whatever half of it is random counts.
        let process =
            u64::try_from((number >> 64) ^ (number & u128::from(u64::MAX))).unwrap_or_default();
        Self {
            process,
            next: AtomicU64::new(1),
        }
    }

    /// The caller's id if it is up to 128 letters, digits and what stands between them in ids,
    /// else a new one: it goes into the log, and an address does not.
    pub(super) fn of(&self, headers: &HeaderMap) -> HeaderValue {
        match headers.get(X_REQUEST_ID) {
            Some(given) if is_sane(given.as_bytes()) => given.clone(),
            _ => self.fresh(),
        }
    }

    fn fresh(&self) -> HeaderValue {
        let mut text = String::with_capacity(32);
        // Writing to a String cannot fail, and hexadecimal digits are a header's value.
        let _ = write!(
            text,
            "{:016x}{:016x}",
            self.process,
            self.next.fetch_add(1, Ordering::Relaxed)
        );
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("-"))
    }
}

fn is_sane(id: &[u8]) -> bool {
    (1..=RequestIds::LONGEST).contains(&id.len()) && id.iter().copied().all(is_of_an_id)
}

fn is_of_an_id(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-_.:;=/+".contains(&octet)
}
