//! The answers of writes that were made under a key.

use roster_domain::ports::{KeptAnswer, Once};
use roster_domain::{Fingerprint, KeySlot, Timestamp, UserId, UserVersion};
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::error::undecodable;
use crate::moment::Moment;
use crate::user_row::{version, version_parameter};

/// Takes the slot for this transaction; false when it has an answer. Waits while another
/// transaction holds it.
pub(crate) async fn take(
    connection: &mut PgConnection,
    once: &Once,
    user: UserId,
    at: Timestamp,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO kept_answers (slot, request, user_id, version, answer, kept_at)
         VALUES ($1, $2, $3, NULL, NULL, $4)
         ON CONFLICT (slot) DO NOTHING",
        once.slot.as_octets(),
        once.request.as_octets(),
        user.get(),
        Moment(at),
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Gives the slot that this transaction took its answer.
pub(crate) async fn keep(
    connection: &mut PgConnection,
    slot: KeySlot,
    version: Option<UserVersion>,
    answer: &[u8],
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE kept_answers SET version = $2, answer = $3 WHERE slot = $1",
        slot.as_octets(),
        version.map(version_parameter),
        answer,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The answer in a slot, and of what request it is.
pub(crate) async fn find(
    connection: &mut PgConnection,
    slot: KeySlot,
) -> sqlx::Result<Option<(Fingerprint, KeptAnswer)>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT request, user_id, version, answer AS "answer!"
           FROM kept_answers
           WHERE slot = $1 AND answer IS NOT NULL"#,
        slot.as_octets(),
    )
    .fetch_optional(connection)
    .await?;
    row.map(Row::into_answer).transpose()
}

struct Row {
    request: Vec<u8>,
    user_id: Uuid,
    version: Option<i64>,
    answer: Vec<u8>,
}

impl Row {
    fn into_answer(self) -> sqlx::Result<(Fingerprint, KeptAnswer)> {
        let request = self.request.try_into();
        let request = request.map_err(|_| undecodable("a digest is not of 32 octets"))?;
        let answer = KeptAnswer {
            user: UserId::new(self.user_id),
            version: self.version.map(version).transpose().map_err(undecodable)?,
            octets: self.answer,
        };
        Ok((Fingerprint::new(request), answer))
    }
}

/// Deletes the answers that speak of a user.
pub(crate) async fn delete_of(connection: &mut PgConnection, id: UserId) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM kept_answers WHERE user_id = $1", id.get())
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes the oldest answers that speak of a user, until those that may be kept are left. The
/// one in `slot` is spared whatever its age: clocks of two processes differ.
pub(crate) async fn delete_beyond(
    connection: &mut PgConnection,
    id: UserId,
    slot: KeySlot,
) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH beyond AS MATERIALIZED (
             SELECT slot FROM kept_answers
             WHERE user_id = $1 AND slot <> $2
             ORDER BY kept_at DESC OFFSET $3
         )
         DELETE FROM kept_answers k USING beyond b WHERE k.user_id = $1 AND k.slot = b.slot",
        id.get(),
        slot.as_octets(),
        i64::from(KeptAnswer::MOST - 1),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes the oldest of those kept before a moment. Planned every time: a plan from when the
/// table was empty reads all of it. So would one without the values for a range with one end,
/// which passes for a third of the table; one with two ends does for a two-hundredth.
pub(crate) async fn delete_before(
    connection: &mut PgConnection,
    moment: Timestamp,
    limit: u32,
) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "WITH old AS MATERIALIZED (
             SELECT slot FROM kept_answers
             WHERE kept_at >= '-infinity' AND kept_at < $1
             ORDER BY kept_at LIMIT $2
         )
         DELETE FROM kept_answers k USING old o WHERE k.slot = o.slot",
        Moment(moment),
        i64::from(limit)
    )
    .persistent(false)
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
