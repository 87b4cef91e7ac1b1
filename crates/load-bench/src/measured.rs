use serde::Serialize;

/// One cell of the run: one system under one workload in one round. Times are microseconds; those
/// of processors are per request.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Measured {
    pub(crate) users: u64,
    pub(crate) workload: String,
    pub(crate) variant: String,
    pub(crate) system: String,
    pub(crate) round: u64,
    pub(crate) connections: u32,
    pub(crate) requests: u64,
    /// How long it went on; 0 where that is not what was measured.
    pub(crate) seconds: f64,
    pub(crate) requests_per_second: f64,
    pub(crate) service_us: f64,
    pub(crate) postgres_us: f64,
    pub(crate) redis_us: f64,
    /// Of the three together.
    pub(crate) total_us: f64,
    pub(crate) generator_us: f64,
    pub(crate) p50_us: u64,
    pub(crate) p90_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) p999_us: u64,
    pub(crate) max_us: u64,
    pub(crate) octets_per_answer: f64,
    /// Answers with a status from 400 up, or none.
    pub(crate) failed: u64,
    /// Answers compared with the database, and those that differed.
    pub(crate) compared: u64,
    pub(crate) wrong: u64,
    pub(crate) checksum: Option<String>,
    /// Queries of the database, where they were counted.
    pub(crate) queries: Option<i64>,
    pub(crate) resident_mib: f64,
}

impl Measured {
    /// What one row of a table stands for.
    pub(crate) fn key(&self) -> (u64, &str, &str, &str) {
        (self.users, &self.workload, &self.variant, &self.system)
    }
}

/// The middle one of these.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0]) - 2.5).abs() < 1e-9);
        assert!(median(Vec::new()).is_nan());
    }
}
