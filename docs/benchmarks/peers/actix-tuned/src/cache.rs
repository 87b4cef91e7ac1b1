use bytes::Bytes;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands, RedisResult};
use uuid::Uuid;

const TTL_SECONDS: u64 = 3600;

/// One connection to Redis, on which the commands of all requests follow each other.
pub struct Cache {
    client: redis::Client,
    connection: std::cell::OnceCell<ConnectionManager>,
}

impl Cache {
    pub fn new(client: redis::Client) -> Self {
        Self {
            client,
            connection: std::cell::OnceCell::new(),
        }
    }

    /// Made on the worker's own thread, by the first who asks.
    fn connection(&self) -> RedisResult<ConnectionManager> {
        if let Some(connection) = self.connection.get() {
            return Ok(connection.clone());
        }
        let connection = self
            .client
            .get_connection_manager_lazy(ConnectionManagerConfig::new())?;
        Ok(self.connection.get_or_init(|| connection).clone())
    }

    pub async fn ping(&self) -> RedisResult<()> {
        redis::cmd("PING")
            .query_async(&mut self.connection()?)
            .await
    }

    /// A Redis that fails is a miss.
    pub async fn get(&self, id: Uuid) -> Option<Bytes> {
        let mut key = [0; KEY_LENGTH];
        self.connection()
            .ok()?
            .get(key_of(id, &mut key))
            .await
            .ok()?
    }

    /// Not waited for: the answer does not depend on it.
    pub fn fill(&self, id: Uuid, body: Bytes) {
        let Ok(mut connection) = self.connection() else {
            return;
        };
        actix_web::rt::spawn(async move {
            let mut key = [0; KEY_LENGTH];
            let filled: RedisResult<()> = connection
                .set_ex(key_of(id, &mut key), &body[..], TTL_SECONDS)
                .await;
            if let Err(error) = filled {
                eprintln!("the cache could not be filled: {error}");
            }
        });
    }

    /// Waited for: who wrote reads it next.
    pub async fn invalidate(&self, id: Uuid) {
        let mut key = [0; KEY_LENGTH];
        let deleted: RedisResult<()> = match self.connection() {
            Ok(mut connection) => connection.del(key_of(id, &mut key)).await,
            Err(error) => Err(error),
        };
        if let Err(error) = deleted {
            eprintln!("the cache could not be invalidated: {error}");
        }
    }
}

const PREFIX: &[u8] = b"user:";
const KEY_LENGTH: usize = PREFIX.len() + uuid::fmt::Hyphenated::LENGTH;

fn key_of(id: Uuid, buffer: &mut [u8; KEY_LENGTH]) -> &[u8] {
    let (prefix, text) = buffer.split_at_mut(PREFIX.len());
    prefix.copy_from_slice(PREFIX);
    id.hyphenated().encode_lower(text);
    buffer
}
