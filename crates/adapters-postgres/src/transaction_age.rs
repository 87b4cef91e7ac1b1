//! How long a transaction that leaves rows in the change log may be under way.

use std::time::Duration;

use sqlx::PgConnection;

/// The longest that a transaction of several statements is under way before it commits. Keep rows
/// of the change log for at least twice as long: they are as old as their transactions.
pub const LONGEST_TRANSACTION: Duration = Duration::from_secs(50);

/// Fails when this transaction is too old to commit, by the clock that dates its rows.
pub(crate) async fn refuse_old(connection: &mut PgConnection) -> sqlx::Result<()> {
    let micros = sqlx::query_scalar!(
        r#"SELECT (EXTRACT(EPOCH FROM clock_timestamp() - now()) * 1000000)::bigint AS "age!""#
    )
    .fetch_one(connection)
    .await?;
    if Duration::from_micros(micros.try_into().unwrap_or_default()) <= LONGEST_TRANSACTION {
        return Ok(());
    }
    // The connection is given up, and the transaction with it.
    Err(sqlx::Error::Protocol(
        "the transaction was under way for too long to be committed".into(),
    ))
}
