use async_trait::async_trait;

use super::BoxError;

/// Whether a dependency answers just now.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Readiness: Send + Sync {
    /// Asks it for next to nothing, within a second.
    async fn check(&self) -> Result<(), BoxError>;
}
