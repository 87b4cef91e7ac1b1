use roster_domain::ports::{Once, Outcome};
use roster_domain::{Fingerprint, IdempotencyKey, KeySlot, UserId};
use sha2::{Digest as _, Sha256};

/// A request under a key, as it came.
#[derive(Clone, Copy, Debug)]
pub struct KeyedRequest<'a> {
    /// Who asks: two callers with one key do not meet.
    pub owner: &'a [u8],
    /// Under which key.
    pub key: &'a IdempotencyKey,
    /// All that decides the answer: method, path, body in its canonical form, conditions.
    pub parts: &'a [&'a [u8]],
}

impl KeyedRequest<'_> {
    /// The request as the store knows it: digests, from which nobody reads owner, key or body.
    pub fn once(&self, keep: fn(UserId, &Outcome) -> Vec<u8>) -> Once {
        Once {
            slot: KeySlot::new(digest(&[self.owner, self.key.as_str().as_bytes()])),
            request: Fingerprint::new(digest(self.parts)),
            keep,
        }
    }
}

/// SHA-256 over parts that cannot run into each other: each is preceded by its length.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn once(owner: &str, key: &str, parts: &[&str]) -> Once {
        let key = key.parse().unwrap();
        let parts: Vec<_> = parts.iter().map(|part| part.as_bytes()).collect();
        let request = KeyedRequest {
            owner: owner.as_bytes(),
            key: &key,
            parts: &parts,
        };
        request.once(|_, _| Vec::new())
    }

    #[test]
    fn callers_and_keys_have_slots_of_their_own() {
        let slot = |owner, key| once(owner, key, &["POST"]).slot;
        assert_eq!(slot("one", "key"), slot("one", "key"));
        assert_ne!(slot("one", "key"), slot("two", "key"));
        assert_ne!(slot("one", "key"), slot("one", "kez"));
        assert_ne!(
            slot("ab", "c"),
            slot("a", "bc"),
            "owner and key ran together"
        );
    }

    #[test]
    fn every_part_of_a_request_counts() {
        let request = |parts: &[&str]| once("one", "key", parts).request;
        let first = request(&["POST", "/v1/users", "{}"]);
        assert_eq!(first, request(&["POST", "/v1/users", "{}"]));
        for other in [
            &["PATCH", "/v1/users", "{}"][..],
            &["POST", "/v1/user", "s{}"],
            &["POST", "/v1/users", "{}", ""],
        ] {
            assert_ne!(first, request(other), "{other:?}");
        }
    }

    /// A slot of one release is found by the next.
    #[test]
    fn the_digests_of_a_release_are_those_of_the_next() {
        let once = once("owner", "key", &["POST", "/v1/users", "{}"]);
        let hex = |octets: &[u8; 32]| {
            octets.iter().fold(String::new(), |mut text, octet| {
                let _ = write!(text, "{octet:02x}");
                text
            })
        };
        assert_eq!(hex(once.slot.as_octets()), SLOT);
        assert_eq!(hex(once.request.as_octets()), REQUEST);
    }

    const SLOT: &str = "fb77d6b15b6b9e86073ba761310f35915f422d2ec7ac962995e0207b349fe14f";
    const REQUEST: &str = "dfe5867c9a43b65d3d0bf12463ec90999a5e1fa7cf9f439c24b70b3c03b0a414";
}
