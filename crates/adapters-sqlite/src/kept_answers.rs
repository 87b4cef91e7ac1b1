use roster_domain::ports::{KeptAnswer, Once, StoreError};
use roster_domain::{Fingerprint, KeySlot, Timestamp, UserId};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::error::store_error;
use crate::user_row::{stored_version, version};

/// The answer in a slot, and of what request it is.
pub(crate) async fn find(
    tx: &mut SqliteConnection,
    slot: KeySlot,
) -> Result<Option<(Fingerprint, KeptAnswer)>, StoreError> {
    let slot = slot.as_octets().as_slice();
    let row = sqlx::query_as!(
        Row,
        r#"SELECT request, user_id AS "user_id: Uuid", version, answer
        FROM kept_answers
        WHERE slot = ?1"#,
        slot
    )
    .fetch_optional(tx)
    .await
    .map_err(store_error)?;
    row.map(Row::into_answer).transpose()
}

struct Row {
    request: Vec<u8>,
    user_id: Uuid,
    version: Option<i64>,
    answer: Vec<u8>,
}

impl Row {
    fn into_answer(self) -> Result<(Fingerprint, KeptAnswer), StoreError> {
        let request = self.request.try_into();
        let request =
            request.map_err(|_| StoreError::Corrupt("a digest is not of 32 octets".into()))?;
        let answer = KeptAnswer {
            user: UserId::new(self.user_id),
            version: self.version.map(version),
            octets: self.answer,
        };
        Ok((Fingerprint::new(request), answer))
    }
}

/// Keeps an answer in a slot that has none.
pub(crate) async fn insert(
    tx: &mut SqliteConnection,
    once: &Once,
    kept: &KeptAnswer,
    at: Timestamp,
) -> Result<(), StoreError> {
    let (slot, request) = (
        once.slot.as_octets().as_slice(),
        once.request.as_octets().as_slice(),
    );
    let (user, version) = (kept.user.get(), kept.version.map(stored_version));
    let (answer, at) = (kept.octets.as_slice(), at.unix_micros());
    sqlx::query!(
        "INSERT INTO kept_answers (slot, request, user_id, version, answer, kept_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        slot,
        request,
        user,
        version,
        answer,
        at
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Deletes the answers that speak of a user.
pub(crate) async fn delete_of(tx: &mut SqliteConnection, id: UserId) -> Result<(), StoreError> {
    let id = id.get();
    sqlx::query!("DELETE FROM kept_answers WHERE user_id = ?1", id)
        .execute(tx)
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Deletes the oldest answers that speak of a user, until those that may be kept are left. The
/// one in `slot` is spared whatever its age: the clock may have stepped back.
pub(crate) async fn delete_beyond(
    tx: &mut SqliteConnection,
    id: UserId,
    slot: KeySlot,
) -> Result<(), StoreError> {
    let (id, slot) = (id.get(), slot.as_octets().as_slice());
    let others = KeptAnswer::MOST - 1;
    sqlx::query!(
        "DELETE FROM kept_answers WHERE slot IN (
            SELECT slot FROM kept_answers WHERE user_id = ?1 AND slot <> ?2
            ORDER BY kept_at DESC LIMIT -1 OFFSET ?3)",
        id,
        slot,
        others
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Deletes the oldest of those kept before a moment.
pub(crate) async fn delete_before(
    tx: &mut SqliteConnection,
    moment: Timestamp,
    limit: u32,
) -> Result<u64, StoreError> {
    let moment = moment.unix_micros();
    let done = sqlx::query!(
        "DELETE FROM kept_answers WHERE slot IN (
            SELECT slot FROM kept_answers WHERE kept_at < ?1 ORDER BY kept_at LIMIT ?2)",
        moment,
        limit
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(done.rows_affected())
}
