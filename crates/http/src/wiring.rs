//! Which adapter stands behind which port: the only place that names them.

mod distributed;
mod embedded;

mod access;
mod redis_events;

mod error;
mod migration;
mod transfer;

use std::net::SocketAddr;
use std::sync::Arc;

use roster_app::{
    ActivityService, AnswerKeeper, CacheObserver, Caches, DashboardService, KeysInUse,
    NotificationService, Runtime, SearchIndexer, SearchService, StatsService, UserService,
};
use roster_domain::ports::{
    ActivityRepository, NotificationRepository, StatsRepository, UserRepository, UserSearch,
    UserTransfer, UserWrites,
};

use tokio::task::JoinHandle;

pub(crate) use access::secret;
pub use error::StartError;
pub use migration::{Migrated, migrate};
pub use transfer::{OpenTransfer, open_transfer};

use crate::authentication::Authentication;
use crate::metrics::Metrics;
use crate::services::{Dependency, Draining, Services};
use crate::settings::{Settings, StoreSettings};
use distributed::Distributed;
use embedded::Embedded;

/// The service, ready to answer.
pub struct Assembled {
    /// What the routes work on.
    pub services: Arc<Services>,
    /// Where users are kept, for people: no password in it.
    pub description: String,
    store: OpenStore,
    /// What goes on beside the requests.
    upkeep: Vec<JoinHandle<()>>,
}

/// What has to be closed at the end.
enum OpenStore {
    Embedded(Embedded),
    Distributed(Distributed),
}

/// What an adapter puts behind each port.
struct Ports {
    users: Arc<dyn UserRepository>,
    writes: Arc<dyn UserWrites>,
    search: Arc<dyn UserSearch>,
    notifications: Arc<dyn NotificationRepository>,
    activities: Arc<dyn ActivityRepository>,
    stats: Arc<dyn StatsRepository>,
    transfer: Arc<dyn UserTransfer>,
    caches: Caches,
    dependencies: Vec<Dependency>,
}

/// Opens what the settings name and puts the service together.
///
/// Embedded: takes the data folder, makes it when it is not there, and brings its tables up to
/// date. PostgreSQL: waits for a database that is not there yet, as long as the settings say,
/// and refuses a schema that is not this release's. Redis need not be there.
pub async fn assemble(
    settings: &Settings,
    runtime: Runtime,
    metrics: Arc<Metrics>,
) -> Result<Assembled, StartError> {
    let (store, ports) = match &settings.store {
        StoreSettings::Embedded(store) => {
            let (store, ports) = embedded::open(
                store,
                &server_at(settings.http.listen),
                settings.http.request_deadline,
            )
            .await?;
            (OpenStore::Embedded(store), ports)
        }
        StoreSettings::Distributed(store) => {
            let retention = settings.cache.change_log_retention;
            let (store, ports) = distributed::open(store, retention, &runtime, &metrics).await?;
            (OpenStore::Distributed(store), ports)
        }
    };
    let authentication = access::open(&settings.access, &runtime)?;
    let description = store.description();
    let mut upkeep = Vec::new();
    if let Authentication::Required(issuers) = &authentication {
        upkeep.push(tokio::spawn(Arc::clone(issuers).keep_keys_fresh()));
    }
    let retention = settings.http.idempotency_retention;
    let answers = AnswerKeeper::new(Arc::clone(&ports.writes), retention, runtime.clone());
    upkeep.push(tokio::spawn(answers.run()));
    let indexer = SearchIndexer::new(Arc::clone(&ports.search), runtime.clone());
    upkeep.push(tokio::spawn(indexer.run()));
    let services = Arc::new(services(ports, settings, authentication, runtime, metrics));
    // Only where there is a shared cache.
    if let Some(caches) = services.users.upkeep() {
        upkeep.push(tokio::spawn(caches.run()));
    }
    Ok(Assembled {
        services,
        description,
        store,
        upkeep,
    })
}

impl Assembled {
    /// Tells whoever asks for the data folder where its server listens.
    pub fn listens_at(&self, address: SocketAddr) -> Result<(), StartError> {
        match &self.store {
            OpenStore::Embedded(store) => store.set_holder(&server_at(address)),
            OpenStore::Distributed(_) => Ok(()),
        }
    }

    /// Ends background work and closes the store, after what is under way.
    pub async fn close(self) {
        for upkeep in self.upkeep {
            upkeep.abort();
        }
        match self.store {
            OpenStore::Embedded(store) => store.close().await,
            OpenStore::Distributed(store) => store.close().await,
        }
    }
}

impl OpenStore {
    fn description(&self) -> String {
        match self {
            Self::Embedded(store) => store.description(),
            Self::Distributed(store) => store.description().to_owned(),
        }
    }
}

fn services(
    ports: Ports,
    settings: &Settings,
    authentication: Authentication,
    runtime: Runtime,
    metrics: Arc<Metrics>,
) -> Services {
    let writes: Arc<dyn UserWrites> = Arc::new(KeysInUse::new(ports.writes));
    let users = Arc::new(UserService::new(
        ports.users,
        Arc::clone(&writes),
        ports.caches,
        settings.cache.clone(),
        Arc::<Metrics>::clone(&metrics) as Arc<dyn CacheObserver>,
        runtime.clone(),
    ));
    let dashboard = DashboardService::new(
        Arc::clone(&users),
        Arc::clone(&ports.stats),
        Arc::clone(&ports.notifications),
        Arc::clone(&ports.activities),
        settings.dashboard.clone(),
        runtime.clone(),
    );
    Services {
        transfer: users.transfer(ports.transfer),
        users,
        notifications: NotificationService::new(
            ports.notifications,
            Arc::clone(&writes),
            runtime.clone(),
        ),
        activity: ActivityService::new(ports.activities, writes, runtime.clone()),
        search: SearchService::new(ports.search),
        stats: StatsService::new(ports.stats),
        dashboard,
        authentication,
        dependencies: ports.dependencies,
        draining: Draining::default(),
        metrics,
        runtime,
    }
}

fn server_at(address: SocketAddr) -> String {
    format!("a server at http://{address}")
}
