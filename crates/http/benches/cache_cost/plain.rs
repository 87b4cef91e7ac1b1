//! What everybody does first: update the row, delete the key.

use redis::aio::MultiplexedConnection;
use roster_domain::UserId;
use roster_test_services::RedisServer;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

pub(crate) struct Plain {
    pool: PgPool,
    redis: MultiplexedConnection,
}

impl Plain {
    pub(crate) async fn connect(url: &str, redis: &RedisServer) -> Self {
        let pool = PgPoolOptions::new()
            // As the adapter has it: no round trip before each statement.
            .test_before_acquire(false)
            .connect(url)
            .await
            .expect("PostgreSQL answers");
        let client = redis::Client::open(redis.url()).expect("the URL is right");
        let redis = client.get_multiplexed_async_connection().await;
        Self {
            pool,
            redis: redis.expect("Redis answers"),
        }
    }

    pub(crate) async fn update(&self, id: UserId, count: u32) {
        self.update_row(id, count).await;
        let mut redis = self.redis.clone();
        let deleted: i64 = redis::cmd("DEL")
            .arg(format!("plain:{id}"))
            .query_async(&mut redis)
            .await
            .expect("Redis answers");
        assert_eq!(deleted, 0, "nobody stores that key");
    }

    pub(crate) async fn update_row(&self, id: UserId, count: u32) {
        let done = sqlx::query(
            "UPDATE users SET name = $2, version = version + 1, updated_at = now() WHERE id = $1",
        )
        .bind(id.get())
        .bind(format!("Plain {count}"))
        .execute(&self.pool)
        .await
        .expect("a write");
        assert_eq!(done.rows_affected(), 1);
    }
}
