//! Figures.

use std::time::Duration;

/// What makes tests run at full length.
pub(crate) const SOAK: &str = "ROSTER_SOAK";

/// Whether tests run at full length.
pub(crate) fn is_soak() -> bool {
    std::env::var_os(SOAK).is_some_and(|value| value == "1")
}

/// The value that so large a share of these does not exceed.
pub(crate) fn quantile(values: &[Duration], share: f64) -> Duration {
    let mut values = values.to_vec();
    values.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place among some thousands"
    )]
    let place = ((values.len() as f64 * share).ceil() as usize).saturating_sub(1);
    values.get(place).copied().unwrap_or_default()
}

/// So many a second.
#[expect(clippy::cast_precision_loss, reason = "some millions at the most")]
pub(crate) fn rate(count: usize, span: Duration) -> f64 {
    count as f64 / span.as_secs_f64()
}
