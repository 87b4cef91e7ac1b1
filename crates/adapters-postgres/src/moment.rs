//! Moments as PostgreSQL stores them.

use roster_domain::Timestamp;
use roster_domain::ports::BoxError;
use sqlx::Postgres;
use sqlx::encode::IsNull;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueFormat, PgValueRef};
use sqlx::types::time::OffsetDateTime;

/// 2000-01-01T00:00:00Z, from which PostgreSQL counts, in microseconds of Unix time.
const EPOCH: i64 = 946_684_800_000_000;

/// A moment as a parameter and as a column. One that the domain does not have, infinity among
/// them, fails to decode; the driver's own type would panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) Timestamp);

impl Moment {
    /// Microseconds since 2000: what is sent and stored.
    pub(crate) fn micros(self) -> i64 {
        self.0.unix_micros() - EPOCH
    }

    fn from_micros(micros: i64) -> Result<Self, BoxError> {
        let unix = micros
            .checked_add(EPOCH)
            .ok_or("a stored time is out of range")?;
        Ok(Self(Timestamp::from_unix_micros(unix)?))
    }
}

impl sqlx::Type<Postgres> for Moment {
    // A type by its name would cost each connection a query for its number.
    fn type_info() -> PgTypeInfo {
        <OffsetDateTime as sqlx::Type<Postgres>>::type_info()
    }
}

impl PgHasArrayType for Moment {
    fn array_type_info() -> PgTypeInfo {
        OffsetDateTime::array_type_info()
    }
}

impl sqlx::Encode<'_, Postgres> for Moment {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxError> {
        sqlx::Encode::<Postgres>::encode(self.micros(), buffer)
    }

    fn size_hint(&self) -> usize {
        size_of::<i64>()
    }
}

impl<'r> sqlx::Decode<'r, Postgres> for Moment {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxError> {
        match value.format() {
            PgValueFormat::Binary => Self::from_micros(sqlx::Decode::<Postgres>::decode(value)?),
            PgValueFormat::Text => Err("a time came as text".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_domain_does_not_have_is_refused() {
        for micros in [i64::MIN, i64::MAX, i64::MAX - EPOCH] {
            assert!(Moment::from_micros(micros).is_err());
        }
        let epoch = Moment::from_micros(-EPOCH).unwrap();
        assert_eq!(epoch, Moment(Timestamp::UNIX_EPOCH));
        assert_eq!(epoch.micros(), -EPOCH);
    }
}
