//! The adapter of `docs/adding-an-adapter.md`: activities in files, one a user, one line an
//! activity.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use roster_domain::pagination::{Order, PageRequest, Positioned as _, Slice, Start};
use roster_domain::ports::{
    ActivityRepository, NewestOf, StatsRepository, StoreError, UserRepository,
};
use roster_domain::{
    Activity, ActivityFilter, ActivityId, NewActivity, Timestamp, UserId, UserStats,
};

/// `ActivityRepository` in a folder; the users are another store's.
pub(crate) struct FileActivities {
    folder: PathBuf,
    users: Arc<dyn UserRepository>,
    /// Appends take turns: each reads what is there before it writes.
    turn: Arc<Mutex<()>>,
}

impl FileActivities {
    pub(crate) fn new(folder: PathBuf, users: Arc<dyn UserRepository>) -> Self {
        Self {
            folder,
            users,
            turn: Arc::default(),
        }
    }

    /// Deleted and purged users are absent from `find_many`, and so are their activities.
    async fn is_there(&self, user: UserId) -> Result<bool, StoreError> {
        Ok(!self.users.find_many(&[user]).await?.is_empty())
    }

    async fn read(&self, user: UserId) -> Result<Option<Vec<Activity>>, StoreError> {
        if !self.is_there(user).await? {
            return Ok(None);
        }
        let path = self.path(user);
        blocking(move || read(&path)).await.map(Some)
    }

    fn path(&self, user: UserId) -> PathBuf {
        self.folder.join(user.to_string())
    }
}

#[async_trait]
impl ActivityRepository for FileActivities {
    async fn list(
        &self,
        user: UserId,
        filter: &ActivityFilter,
        page: &PageRequest,
    ) -> Result<Option<Slice<Activity>>, StoreError> {
        let Some(mut rows) = self.read(user).await? else {
            return Ok(None);
        };
        rows.retain(|row| {
            filter.kind.as_ref().is_none_or(|kind| row.kind == *kind)
                && filter.since.is_none_or(|since| row.occurred_at >= since)
                && filter.until.is_none_or(|until| row.occurred_at < until)
        });
        Ok(Some(slice(rows, page)))
    }

    async fn newest_many(
        &self,
        asked: &[NewestOf],
    ) -> Result<Vec<Option<Vec<Activity>>>, StoreError> {
        let mut answers = Vec::new();
        for asked in asked {
            let mut rows = self.read(asked.user).await?;
            if let Some(rows) = rows.as_mut() {
                rows.sort_by_key(|row| std::cmp::Reverse(row.position()));
                rows.truncate(usize::from(asked.limit));
            }
            answers.push(rows);
        }
        Ok(answers)
    }

    async fn append(
        &self,
        user: UserId,
        activities: &[NewActivity],
    ) -> Result<Option<Vec<bool>>, StoreError> {
        if !self.is_there(user).await? {
            return Ok(None);
        }
        let (path, turn, new) = (self.path(user), Arc::clone(&self.turn), activities.to_vec());
        blocking(move || {
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            append(&path, &new)
        })
        .await
        .map(Some)
    }
}

/// The counters of another store, with the activities of the files.
pub(crate) struct FileStats {
    inner: Arc<dyn StatsRepository>,
    activities: Arc<FileActivities>,
}

impl FileStats {
    pub(crate) fn new(inner: Arc<dyn StatsRepository>, activities: Arc<FileActivities>) -> Self {
        Self { inner, activities }
    }
}

#[async_trait]
impl StatsRepository for FileStats {
    async fn find_many(&self, users: &[UserId]) -> Result<Vec<Option<UserStats>>, StoreError> {
        let mut found = self.inner.find_many(users).await?;
        for (found, user) in found.iter_mut().zip(users) {
            let rows = self.activities.read(*user).await?;
            *found = found.take().zip(rows).map(|(stats, rows)| UserStats {
                activities: u64::try_from(rows.len()).unwrap_or(u64::MAX),
                last_activity_at: rows.iter().map(|row| row.occurred_at).max(),
                ..stats
            });
        }
        Ok(found)
    }
}

/// Runs `work` where it may block: files have no futures.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(answer) => answer,
        Err(stopped) => Err(StoreError::Unavailable(stopped.into())),
    }
}

fn read(path: &Path) -> Result<Vec<Activity>, StoreError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(failure) => return Err(StoreError::Unavailable(failure.into())),
    };
    text.lines().map(parse).collect()
}

fn append(path: &Path, new: &[NewActivity]) -> Result<Vec<bool>, StoreError> {
    let mut known: HashSet<ActivityId> = read(path)?.iter().map(|row| row.id).collect();
    let mut lines = String::new();
    let mut answers = Vec::new();
    for activity in new {
        let is_new = known.insert(activity.id);
        if is_new {
            let micros = activity.occurred_at.unix_micros();
            let (id, kind, data) = (activity.id, &activity.kind, &activity.data);
            // Writing to a String cannot fail. None of the four has a tab or a line break.
            let _ = writeln!(lines, "{id}\t{micros}\t{kind}\t{data}");
        }
        answers.push(is_new);
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(lines.as_bytes()))
        .map_err(|failure| StoreError::Unavailable(failure.into()))?;
    Ok(answers)
}

fn parse(line: &str) -> Result<Activity, StoreError> {
    let corrupt = || StoreError::Corrupt("a line is not an activity".into());
    let mut parts = line.splitn(4, '\t');
    let mut next = || parts.next().ok_or_else(corrupt);
    let (id, micros, kind, data) = (next()?, next()?, next()?, next()?);
    let id: UserId = id.parse().map_err(|_| corrupt())?;
    let micros = micros.parse().map_err(|_| corrupt())?;
    Ok(Activity {
        id: ActivityId::new(id.get()),
        kind: kind.parse().map_err(|_| corrupt())?,
        occurred_at: Timestamp::from_unix_micros(micros).map_err(|_| corrupt())?,
        data: data.parse().map_err(|_| corrupt())?,
    })
}

/// One page of `rows`, which come in any order.
fn slice(mut rows: Vec<Activity>, page: &PageRequest) -> Slice<Activity> {
    rows.sort_by_key(Activity::position);
    if page.order == Order::Descending {
        rows.reverse();
    }
    // A place need not be a row's: whoever stood there may be gone.
    let before = |row: &Activity, place| match page.order {
        Order::Ascending => row.position() < place,
        Order::Descending => row.position() > place,
    };
    let size = usize::from(page.size.get());
    if let Start::Before(at, id) = page.start {
        rows.truncate(rows.partition_point(|row| before(row, (at, id))));
        let skipped = rows.len().saturating_sub(size);
        return Slice {
            items: rows.split_off(skipped),
            more: skipped > 0,
        };
    }
    if let Start::After(at, id) = page.start {
        rows.retain(|row| row.position() != (at, id) && !before(row, (at, id)));
    }
    let more = rows.len() > size;
    rows.truncate(size);
    Slice { items: rows, more }
}
