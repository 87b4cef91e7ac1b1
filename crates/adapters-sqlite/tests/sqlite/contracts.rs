use std::sync::Arc;

use async_trait::async_trait;
use roster_adapters_sqlite::SqliteReadiness;
use roster_domain::ports::Readiness;
use roster_port_contracts::ReadinessFixture;

use crate::support::{Fixture, fixture};

roster_port_contracts::store!(fixture);
roster_port_contracts::readiness!(fixture);

#[async_trait]
impl ReadinessFixture for Fixture {
    fn readiness(&self) -> Arc<dyn Readiness> {
        Arc::new(SqliteReadiness::new(&self.store))
    }

    async fn gone(&self) -> Option<Arc<dyn Readiness>> {
        let gone = fixture().await?;
        gone.store.close().await;
        Some(Arc::new(SqliteReadiness::new(&gone.store)))
    }
}
