//! Counters and histograms.

/// All of them.
pub struct Metrics;
