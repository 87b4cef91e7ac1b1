use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use roster_domain::ports::{BoxError, Readiness};

/// [`Readiness`] of something that is there until a test says that it is not.
#[derive(Debug)]
pub struct MemoryReadiness {
    ready: AtomicBool,
}

impl MemoryReadiness {
    /// Ready.
    pub fn new() -> Self {
        Self {
            ready: AtomicBool::new(true),
        }
    }

    /// Says whether it is ready from now on.
    pub fn set(&self, ready: bool) {
        self.ready.store(ready, Ordering::SeqCst);
    }
}

impl Default for MemoryReadiness {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Readiness for MemoryReadiness {
    async fn check(&self) -> Result<(), BoxError> {
        if self.ready.load(Ordering::SeqCst) {
            Ok(())
        } else {
            Err("switched off".into())
        }
    }
}
