use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{BufMut, BytesMut};
use serde::{Deserialize, Serialize, Serializer};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

/// Microseconds since 2000-01-01, as PostgreSQL sends them.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub i64);

/// From 1970 until then.
const EPOCH_MICROS: i64 = 946_684_800_000_000;
const DAY_MICROS: i64 = 86_400_000_000;

impl Moment {
    pub fn now() -> Self {
        let since_1970 = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let micros = i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX);
        Self(micros - EPOCH_MICROS)
    }

    /// RFC 3339 with six digits of the second, for years of four digits.
    fn text(self) -> [u8; 27] {
        let micros = self.0 + EPOCH_MICROS;
        let (year, month, day) = date(micros.div_euclid(DAY_MICROS));
        let rest = micros.rem_euclid(DAY_MICROS);
        let second = rest / 1_000_000;
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        digits(&mut text[..4], year);
        digits(&mut text[5..7], month);
        digits(&mut text[8..10], day);
        digits(&mut text[11..13], second / 3600);
        digits(&mut text[14..16], second / 60 % 60);
        digits(&mut text[17..19], second % 60);
        digits(&mut text[20..26], rest % 1_000_000);
        text
    }
}

fn digits(place: &mut [u8], mut number: i64) {
    for digit in place.iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
}

/// Year, month and day from days since 1970 (howardhinnant.github.io/date_algorithms.html).
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.text();
        serializer.serialize_str(std::str::from_utf8(&text).map_err(serde::ser::Error::custom)?)
    }
}

impl<'a> FromSql<'a> for Moment {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(i64::from_be_bytes(raw.try_into()?)))
    }

    accepts!(TIMESTAMPTZ);
}

impl ToSql for Moment {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i64(self.0);
        Ok(IsNull::No)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_its_calendar_date() {
        let text = |micros| String::from_utf8(Moment(micros).text().to_vec()).unwrap();
        assert_eq!(text(0), "2000-01-01T00:00:00.000000Z");
        assert_eq!(text(-1), "1999-12-31T23:59:59.999999Z");
        assert_eq!(text(5_184_000_000_000 - 1), "2000-02-29T23:59:59.999999Z");
        // date -u -d @1709211845 gives Thu Feb 29 13:04:05 UTC 2024
        assert_eq!(
            text(1_709_211_845_000_120 - EPOCH_MICROS),
            "2024-02-29T13:04:05.000120Z"
        );
    }
}
