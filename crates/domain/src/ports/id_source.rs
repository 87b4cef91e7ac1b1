use uuid::Uuid;

/// Ids and randomness, so that tests know them.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait IdSource: Send + Sync {
    /// A new UUID, version 7: later ones of one process are greater.
    fn next_id(&self) -> Uuid;

    /// 16 unpredictable octets.
    fn random_token(&self) -> [u8; 16];
}
