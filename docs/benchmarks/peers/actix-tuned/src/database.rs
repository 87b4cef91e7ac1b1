use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio_postgres::{Client, Config, Error, NoTls, Statement};

const LANES: usize = 2;

/// A few connections to PostgreSQL, on which the statements of all requests follow each other.
pub struct Database {
    config: Config,
    lanes: [RefCell<Option<Rc<Session>>>; LANES],
    next: Cell<usize>,
}

/// A connection and what is prepared on it.
pub struct Session {
    pub client: Client,
    pub user: Statement,
    pub update: Statement,
    pub page: Statement,
    pub page_after: Statement,
    pub stats: Statement,
    pub notifications: Statement,
    pub activity: Statement,
}

impl Database {
    pub fn new(config: Config) -> Self {
        Self {
            config,
            lanes: Default::default(),
            next: Cell::new(0),
        }
    }

    /// In turn; a connection that broke is made anew.
    pub async fn session(&self) -> Result<Rc<Session>, Error> {
        let lane = self.next.get();
        self.next.set((lane + 1) % LANES);
        let held = self.lanes[lane].borrow().clone();
        if let Some(session) = held.filter(|session| !session.client.is_closed()) {
            return Ok(session);
        }
        let session = Rc::new(Session::open(&self.config).await?);
        *self.lanes[lane].borrow_mut() = Some(Rc::clone(&session));
        Ok(session)
    }
}

impl Session {
    async fn open(config: &Config) -> Result<Self, Error> {
        let (client, connection) = config.connect(NoTls).await?;
        actix_web::rt::spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("a connection to the database broke: {error}");
            }
        });
        Ok(Self {
            user: client
                .prepare(
                    "SELECT id, email, name, is_active, locale, avatar_url, metadata, version,
                            created_at, updated_at
                     FROM users
                     WHERE id = $1 AND deleted_at IS NULL",
                )
                .await?,
            update: client
                .prepare(
                    "UPDATE users
                     SET name = COALESCE($2, name),
                         locale = CASE WHEN $3 THEN $4 ELSE locale END,
                         avatar_url = CASE WHEN $5 THEN $6 ELSE avatar_url END,
                         version = version + 1,
                         updated_at = $7
                     WHERE id = $1 AND deleted_at IS NULL
                     RETURNING id, email, name, is_active, locale, avatar_url, metadata, version,
                               created_at, updated_at",
                )
                .await?,
            page: client
                .prepare(
                    "SELECT id, name, email, created_at
                     FROM users
                     WHERE is_active AND deleted_at IS NULL
                     ORDER BY created_at DESC, id DESC
                     LIMIT $1 OFFSET $2",
                )
                .await?,
            page_after: client
                .prepare(
                    "SELECT id, name, email, created_at
                     FROM users
                     WHERE is_active AND deleted_at IS NULL AND (created_at, id) < ($1, $2)
                     ORDER BY created_at DESC, id DESC
                     LIMIT $3",
                )
                .await?,
            stats: client
                .prepare(
                    "SELECT notifications, unread, activities, last_activity_at
                     FROM user_stats
                     WHERE user_id = $1",
                )
                .await?,
            notifications: client
                .prepare(
                    "SELECT id, kind, title, body, data, created_at, read_at, archived_at
                     FROM notifications
                     WHERE user_id = $1 AND read_at IS NULL AND archived_at IS NULL
                     ORDER BY created_at DESC, id DESC
                     LIMIT $2",
                )
                .await?,
            activity: client
                .prepare(
                    "SELECT id, kind, occurred_at, data
                     FROM activities
                     WHERE user_id = $1
                     ORDER BY occurred_at DESC, id DESC
                     LIMIT $2",
                )
                .await?,
            client,
        })
    }
}
