//! Any number of processes on PostgreSQL, with Redis between them.

use std::sync::Arc;
use std::time::Duration;

use roster_adapters_postgres::{
    PostgresActivities, PostgresChangeLog, PostgresNotifications, PostgresPool, PostgresReadiness,
    PostgresSettings, PostgresStats, PostgresUserSearch, PostgresUserTransfer, PostgresUserWrites,
    PostgresUsers,
};
use roster_adapters_redis::{RedisCacheRelay, RedisReadiness, RedisSettings, RedisUserCache};
use roster_app::{Caches, ChangeLogKeeper, Runtime, SharedCache};
use roster_domain::ports::ChangeLog;
use tokio::task::JoinHandle;

use super::redis_events::CountedRedis;
use super::{Ports, StartError};
use crate::metrics::Metrics;
use crate::services::Dependency;
use crate::settings;

/// The connections, and what runs beside the requests.
pub(super) struct Distributed {
    pool: PostgresPool,
    keeper: JoinHandle<()>,
    description: String,
}

pub(super) async fn open(
    settings: &settings::DistributedSettings,
    retention: Duration,
    runtime: &Runtime,
    metrics: &Arc<Metrics>,
) -> Result<(Distributed, Ports), StartError> {
    let pool = connect(&settings.database)?;
    // What is wrong with the settings is said before anything is waited for.
    let redis = settings.redis.as_ref().map(redis_settings).transpose()?;
    wait_for_schema(&pool, &settings.database, runtime).await?;
    let change_log: Arc<dyn ChangeLog> = Arc::new(PostgresChangeLog::new(pool.clone()));
    let mut dependencies = vec![Dependency::new(
        "database",
        true,
        Arc::new(PostgresReadiness::new(pool.clone())),
    )];
    let description = match &settings.redis {
        None => settings.database.url.to_string(),
        Some(redis) => format!("{}, cached in {}", settings.database.url, redis.url),
    };
    let caches = match redis {
        None => Caches::Coalescing,
        Some(redis) => {
            let cache = RedisUserCache::observed(redis, Arc::new(CountedRedis::new(metrics)))
                .map_err(|source| StartError::Redis(source.into()))?;
            dependencies.push(Dependency::new(
                "cache",
                false,
                Arc::new(RedisReadiness::new(&cache)),
            ));
            Caches::Shared(SharedCache {
                relay: Arc::new(RedisCacheRelay::new(&cache)),
                cache: Arc::new(cache),
                change_log: Arc::clone(&change_log),
            })
        }
    };
    let ports = Ports {
        users: Arc::new(PostgresUsers::new(pool.clone())),
        writes: Arc::new(PostgresUserWrites::new(pool.clone())),
        search: Arc::new(PostgresUserSearch::new(pool.clone())),
        notifications: Arc::new(PostgresNotifications::new(pool.clone())),
        activities: Arc::new(PostgresActivities::new(pool.clone())),
        stats: Arc::new(PostgresStats::new(pool.clone())),
        transfer: Arc::new(PostgresUserTransfer::new(pool.clone())),
        caches,
        dependencies,
    };
    let watched = pool.clone();
    metrics.watch_database_pool(move || {
        (
            watched.size(),
            u32::try_from(watched.idle()).unwrap_or(u32::MAX),
        )
    });
    let keeper = tokio::spawn(ChangeLogKeeper::new(change_log, retention, runtime.clone()).run());
    Ok((
        Distributed {
            pool,
            keeper,
            description,
        },
        ports,
    ))
}

impl Distributed {
    pub(super) fn description(&self) -> &str {
        &self.description
    }

    pub(super) async fn close(self) {
        self.keeper.abort();
        self.pool.close().await;
    }
}

pub(super) fn connect(settings: &settings::DatabaseSettings) -> Result<PostgresPool, StartError> {
    let defaults = PostgresSettings::new(settings.url.expose());
    roster_adapters_postgres::connect(&PostgresSettings {
        max_connections: settings.max_connections.unwrap_or(defaults.max_connections),
        acquire_timeout: settings.acquire_timeout,
        statement_timeout: settings.statement_timeout,
        ..defaults
    })
    .map_err(|source| StartError::DatabaseSettings(source.into()))
}

/// Waits until the database answers, and refuses a schema that is not this release's.
///
/// A database that starts a little later than this process is common, and one whose address is
/// wrong stays away for ever: so it waits, says so at once, and gives up in the end.
pub(super) async fn wait_for_schema(
    pool: &PostgresPool,
    settings: &settings::DatabaseSettings,
    runtime: &Runtime,
) -> Result<(), StartError> {
    const PAUSE: Duration = Duration::from_millis(250);
    let started = runtime.clock.monotonic();
    let mut told = false;
    let status = loop {
        match roster_adapters_postgres::migration_status(pool).await {
            Ok(status) => break status,
            Err(error) => {
                if runtime.clock.monotonic().saturating_sub(started) >= settings.start_wait {
                    return Err(StartError::DatabaseAway {
                        url: settings.url.to_string(),
                        source: error.into(),
                    });
                }
                if !told {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "waiting for PostgreSQL at {}, for {} s at the most",
                        settings.url,
                        settings.start_wait.as_secs_f32()
                    );
                }
                told = true;
            }
        }
        runtime.clock.sleep(PAUSE).await;
    };
    if status.is_current() {
        return Ok(());
    }
    let list = |versions: &[i64]| {
        versions
            .iter()
            .map(i64::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    Err(if status.changed.is_empty() {
        StartError::SchemaBehind {
            url: settings.url.to_string(),
            pending: list(&status.pending),
        }
    } else {
        StartError::SchemaForeign {
            url: settings.url.to_string(),
            changed: list(&status.changed),
        }
    })
}

fn redis_settings(settings: &settings::RedisSettings) -> Result<RedisSettings, StartError> {
    let settings = RedisSettings {
        key_prefix: settings.key_prefix.clone(),
        connect_timeout: settings.connect_timeout,
        command_timeout: settings.command_timeout,
        relay_timeout: settings.relay_timeout,
        tombstone_ttl: settings.tombstone_ttl,
        ..RedisSettings::new(settings.url.expose())
    };
    settings
        .check()
        .map_err(|source| StartError::Redis(source.into()))?;
    Ok(settings)
}
