use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::ConnectionInfo;
use tokio::time::{sleep, timeout};

use super::dialer::{DialError, Dialed, Dialer, other_role};
use super::{Link, Shared};
use crate::observer::RedisEvent;
use crate::{RedisSettings, RedisSettingsError};

/// Missed signs of life in a row that end a connection.
const MISSES: u32 = 2;

/// Keeps one connection: makes it, watches it, makes the next; for ever.
pub(super) struct Supervisor {
    dialer: Dialer,
    address: String,
    shared: Arc<Shared>,
    settings: RedisSettings,
}

/// Why a connection was given up.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("the connection broke, or its server became a replica")]
    Broken,
    #[error("the server became a {0}, and only a primary may be asked")]
    Demoted(String),
    #[error("the server gave no sign of life")]
    Silent,
}

impl Supervisor {
    pub(super) fn new(
        info: ConnectionInfo,
        settings: RedisSettings,
        shared: Arc<Shared>,
    ) -> Result<Self, RedisSettingsError> {
        let dialer = Dialer::new(info, settings.connect_timeout, Arc::clone(&shared.pushes))?;
        Ok(Self {
            address: dialer.address(),
            dialer,
            shared,
            settings,
        })
    }

    pub(super) async fn run(self) {
        let mut first = true;
        let mut told_untracked = false;
        loop {
            let Dialed { link, untracked } = self.connect(first).await;
            first = false;
            if let Some(refusal) = untracked
                && !std::mem::replace(&mut told_untracked, true)
            {
                self.tell_untracked(&refusal);
            }
            let (epoch, signals) = (link.epoch, Arc::clone(&link.signals));
            self.shared.pushes.connected(epoch);
            self.shared.set_link(Some(link.clone()));
            self.shared.observer.observe(RedisEvent::Connected);
            let lost = self.watch(link).await;
            signals.ended.store(true, Ordering::Release);
            self.shared.pushes.lost(epoch);
            self.shared.set_link(None);
            self.shared.observer.observe(RedisEvent::Disconnected);
            tracing::warn!(
                redis.address = %self.address,
                error = &lost as &dyn Error,
                "lost the connection to Redis; going on without the shared cache"
            );
        }
    }

    /// Tries until it works. The loss was logged before, so only the first attempt of all and
    /// the success are.
    async fn connect(&self, first: bool) -> Dialed {
        let mut attempts = 0_u32;
        loop {
            if attempts > 0 || !first {
                sleep(self.pause(attempts)).await;
            }
            match self.dialer.dial().await {
                Ok(dialed) => {
                    tracing::info!(
                        redis.address = %self.address,
                        redis.failed_attempts = attempts,
                        "connected to Redis"
                    );
                    return dialed;
                }
                Err(error) => {
                    self.shared.observer.observe(RedisEvent::ConnectFailed);
                    self.tell_failure(&error, first && attempts == 0);
                }
            }
            attempts = attempts.saturating_add(1);
        }
    }

    fn tell_failure(&self, error: &DialError, first: bool) {
        let chain = error as &dyn Error;
        if first {
            tracing::warn!(
                redis.address = %self.address,
                error = chain,
                "cannot connect to Redis; going on without the shared cache"
            );
        } else {
            tracing::debug!(
                redis.address = %self.address,
                error = chain,
                "still cannot connect to Redis"
            );
        }
    }

    fn tell_untracked(&self, refusal: &redis::RedisError) {
        tracing::warn!(
            redis.address = %self.address,
            error = refusal as &dyn Error,
            "Redis does not track what this connection reads; users are not kept in this process"
        );
    }

    /// Exponential, and spread over its upper half, so that many nodes do not come at once.
    fn pause(&self, attempts: u32) -> Duration {
        let times = 1_u32.checked_shl(attempts).unwrap_or(u32::MAX);
        let doubled = self.settings.reconnect_min.saturating_mul(times);
        let longest = doubled.min(self.settings.reconnect_max);
        longest.mul_f64(rand::random_range(0.5..=1.0))
    }

    /// Comes back when the connection is over. A broken one says so itself; a stopped server
    /// and a black hole never do, and are found by their silence. A primary that became a
    /// replica keeps its clients, so the sign of life that is asked for names the role.
    async fn watch(&self, mut link: Link) -> Lost {
        let signals = Arc::clone(&link.signals);
        let hello = redis::cmd("HELLO");
        let mut misses = 0;
        loop {
            if misses == 0 {
                tokio::select! {
                    () = signals.over.notified() => return Lost::Broken,
                    () = signals.doubted.notified() => {}
                    () = sleep(self.settings.heartbeat_interval) => {}
                }
            }
            let heard = signals.replies.load(Ordering::Relaxed);
            tokio::select! {
                () = signals.over.notified() => return Lost::Broken,
                answer = timeout(self.settings.heartbeat_timeout, link.send(&hello)) => match answer {
                    Ok(Err(error)) if super::ends_connection(&error) => return Lost::Broken,
                    Ok(Ok(hello)) => match other_role(&hello) {
                        Some(role) => return Lost::Demoted(role.to_owned()),
                        None => misses = 0,
                    },
                    // It speaks, if only to say that it is busy.
                    Ok(Err(_)) => misses = 0,
                    Err(_) if signals.replies.load(Ordering::Relaxed) != heard => misses = 0,
                    Err(_) => misses += 1,
                },
            }
            if misses >= MISSES {
                return Lost::Silent;
            }
        }
    }
}
