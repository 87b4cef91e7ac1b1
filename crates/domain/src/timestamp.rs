use std::fmt;
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::Invalid;

/// A moment in UTC, to the microsecond: what PostgreSQL stores, so that no store rounds it.
///
/// Between the years 0000 and 9999, where RFC 3339 has a form for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self(0);
    const MIN_MICROS: i64 = -62_167_219_200_000_000;
    const MAX_MICROS: i64 = 253_402_300_799_999_999;

    /// The moment so many microseconds after 1970; a number outside the years 0000 to 9999 is refused.
    pub fn from_unix_micros(micros: i64) -> Result<Self, Invalid> {
        if (Self::MIN_MICROS..=Self::MAX_MICROS).contains(&micros) {
            Ok(Self(micros))
        } else {
            Err(Invalid::new(
                "out_of_range",
                "A time lies between the years 0000 and 9999.",
            ))
        }
    }

    /// Microseconds since 1970.
    pub const fn unix_micros(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339 with any offset; digits beyond the microsecond are cut off.
    pub fn parse_rfc3339(text: &str) -> Result<Self, Invalid> {
        OffsetDateTime::parse(text, &Rfc3339)
            .map_err(|_| {
                Invalid::new(
                    "not_a_time",
                    "A time is written as in RFC 3339, such as 2026-01-31T09:30:00Z.",
                )
            })
            .and_then(Self::try_from)
    }

    /// This moment and a duration, no later than the year 9999.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros).min(Self::MAX_MICROS))
    }

    /// This moment less a duration, no earlier than the year 0000.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(micros).max(Self::MIN_MICROS))
    }

    /// How much later this is than `earlier`; zero when it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl TryFrom<OffsetDateTime> for Timestamp {
    type Error = Invalid;

    fn try_from(moment: OffsetDateTime) -> Result<Self, Invalid> {
        let micros = moment.unix_timestamp_nanos().div_euclid(1_000);
        i64::try_from(micros)
            .map_err(|_| {
                Invalid::new(
                    "out_of_range",
                    "A time lies between the years 0000 and 9999.",
                )
            })
            .and_then(Self::from_unix_micros)
    }
}

impl From<Timestamp> for OffsetDateTime {
    fn from(moment: Timestamp) -> Self {
        Self::from_unix_timestamp_nanos(i128::from(moment.0) * 1_000).unwrap_or(Self::UNIX_EPOCH)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with six digits: `2026-01-31T09:30:00.000000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z"
        );
        let text = OffsetDateTime::from(*self)
            .format(form)
            .map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_with_six_digits_in_utc() {
        let moment = Timestamp::parse_rfc3339("2026-01-31T10:30:00.1234567+01:00").unwrap();
        assert_eq!(moment.to_string(), "2026-01-31T09:30:00.123456Z");
        assert_eq!(Timestamp::parse_rfc3339(&moment.to_string()), Ok(moment));
    }

    #[test]
    fn the_range_is_that_of_rfc_3339() {
        for micros in [Timestamp::MIN_MICROS, Timestamp::MAX_MICROS] {
            let moment = Timestamp::from_unix_micros(micros).unwrap();
            assert_eq!(Timestamp::parse_rfc3339(&moment.to_string()), Ok(moment));
        }
        assert!(Timestamp::from_unix_micros(Timestamp::MAX_MICROS + 1).is_err());
        assert!(Timestamp::from_unix_micros(i64::MIN).is_err());
        let last = Timestamp::from_unix_micros(Timestamp::MAX_MICROS).unwrap();
        assert_eq!(last.plus(Duration::from_secs(1)), last);
    }

    #[test]
    fn an_earlier_moment_is_no_time_ago() {
        let moment = Timestamp::UNIX_EPOCH.plus(Duration::from_secs(5));
        assert_eq!(moment.since(Timestamp::UNIX_EPOCH), Duration::from_secs(5));
        assert_eq!(Timestamp::UNIX_EPOCH.since(moment), Duration::ZERO);
    }
}
