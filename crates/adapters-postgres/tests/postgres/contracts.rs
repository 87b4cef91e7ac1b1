//! The contracts of the ports.

use std::sync::Arc;

use async_trait::async_trait;
use roster_adapters_postgres::{PostgresReadiness, PostgresSettings, connect};
use roster_domain::ports::Readiness;
use roster_port_contracts::ReadinessFixture;

use crate::support::{Store, store};

roster_port_contracts::store!(store);
roster_port_contracts::change_log!(store);
roster_port_contracts::readiness!(store);

#[async_trait]
impl ReadinessFixture for Store {
    fn readiness(&self) -> Arc<dyn Readiness> {
        Arc::new(PostgresReadiness::new(self.pool.clone()))
    }

    async fn gone(&self) -> Option<Arc<dyn Readiness>> {
        // A port that was free a moment ago; nobody listens there.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let url = format!("postgres://postgres@127.0.0.1:{port}/gone");
        let pool = connect(&PostgresSettings::new(url)).unwrap();
        Some(Arc::new(PostgresReadiness::new(pool)))
    }
}
