use roster_domain::UserId;
use uuid::Uuid;

/// How keys are spelled. What stands in braces places a key in a cluster, and only that:
///
/// | key | holds |
/// |---|---|
/// | `{prefix}:u:{id}`, such as `roster:u:{0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f}` | one user |
/// | `{prefix}:wm:{database}`, such as `roster:wm:{0123456789abcdef0123456789abcdef}` | the watermark of a database |
/// | `{prefix}:relay:{database}` | who relays its changes just now |
///
/// The last braces of each are literal. Around the id of a user alone they spread the users;
/// around more they would put all of them on one node. Those of a database keep its two keys
/// together, for one script. Schema and cache epoch are not part of a name, because an old
/// release must be able to invalidate what a new one stored.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    prefix: Box<str>,
    users: Box<str>,
}

impl Keys {
    pub(crate) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.into(),
            users: format!("{prefix}:u:").into(),
        }
    }

    pub(crate) fn user(&self, id: UserId) -> Vec<u8> {
        let mut buffer = Uuid::encode_buffer();
        let id = id.get();
        let id = id.as_hyphenated().encode_lower(&mut buffer);
        [self.users.as_bytes(), b"{", id.as_bytes(), b"}"].concat()
    }

    /// Whose key it is; none when it is not a user's.
    pub(crate) fn parse_user(&self, key: &[u8]) -> Option<UserId> {
        let braced = key.strip_prefix(self.users.as_bytes())?;
        let id = braced.strip_prefix(b"{")?.strip_suffix(b"}")?;
        // The parser takes shorter forms as well, in which no key is spelled.
        if id.len() != uuid::fmt::Hyphenated::LENGTH {
            return None;
        }
        Uuid::try_parse_ascii(id).ok().map(UserId::new)
    }

    pub(crate) fn watermark(&self, database: u128) -> Vec<u8> {
        format!("{}:wm:{{{database:032x}}}", self.prefix).into_bytes()
    }

    pub(crate) fn relay(&self, database: u128) -> Vec<u8> {
        format!("{}:relay:{{{database:032x}}}", self.prefix).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_id_is_in_braces() {
        let id: UserId = "0190C2A8-7d3e-7c5b-9f1e-3a2b1c0d9e8f".parse().unwrap();
        assert_eq!(
            Keys::new("roster").user(id),
            b"roster:u:{0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f}"
        );
    }

    #[test]
    fn the_keys_of_a_database_share_their_braces() {
        let keys = Keys::new("a.b");
        let keys = [keys.watermark(0xdb), keys.relay(0xdb)];
        assert_eq!(
            keys.map(|key| String::from_utf8(key).unwrap()),
            [
                "a.b:wm:{000000000000000000000000000000db}",
                "a.b:relay:{000000000000000000000000000000db}"
            ]
        );
    }

    #[test]
    fn a_user_is_read_back_from_its_key_and_from_no_other() {
        let keys = Keys::new("roster");
        let id: UserId = "0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f".parse().unwrap();
        assert_eq!(keys.parse_user(&keys.user(id)), Some(id));
        for other in [
            "",
            "roster:u:",
            "roster:u:{}",
            "roster:u:0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f",
            "roster:u:{0190c2a87d3e7c5b9f1e3a2b1c0d9e8f}",
            "roster:u:{0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f}x",
            "other:u:{0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f}",
        ] {
            assert_eq!(keys.parse_user(other.as_bytes()), None, "{other}");
        }
        assert_eq!(keys.parse_user(&keys.watermark(1)), None);
    }
}
