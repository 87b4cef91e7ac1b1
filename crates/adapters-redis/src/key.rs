use roster_domain::UserId;

/// How keys are spelled: `{prefix}:u:{id}`, the last braces literally, such as
/// `roster:u:{0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f}`.
///
/// A cluster places a key by what stands in its braces: around the id alone they spread the
/// users, around more they would put all of them on one node. Schema and cache epoch are not
/// part of the name, because an old release must be able to invalidate what a new one stored.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    users: Box<str>,
}

impl Keys {
    pub(crate) fn new(prefix: &str) -> Self {
        Self {
            users: format!("{prefix}:u:").into(),
        }
    }

    pub(crate) fn user(&self, id: UserId) -> Vec<u8> {
        let mut buffer = uuid::Uuid::encode_buffer();
        let id = id.get();
        let id = id.as_hyphenated().encode_lower(&mut buffer);
        [self.users.as_bytes(), b"{", id.as_bytes(), b"}"].concat()
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
}
