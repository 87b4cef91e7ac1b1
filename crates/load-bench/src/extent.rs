use std::time::Duration;

/// How much is run.
#[derive(Clone, Debug)]
pub(crate) struct Extent {
    pub(crate) rounds: u64,
    pub(crate) lasting: Duration,
    pub(crate) connections: u32,
    /// By name, as in [`Extent::NAMES`]; all if there are none.
    pub(crate) only: Vec<String>,
    /// To see that all works, rather than for figures.
    pub(crate) quick: bool,
}

impl Extent {
    /// Whatever can be asked for: load, and what stands for itself.
    pub(crate) const NAMES: [&str; 12] = [
        "W1", "W2", "W3", "W4", "W5", "W6", "W7", "W8", "open", "start", "memory", "fleet",
    ];
    /// Those that put systems beside each other under load.
    const LOAD: [&str; 9] = ["W1", "W2", "W3", "W4", "W5", "W6", "W7", "W8", "open"];

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only.eq_ignore_ascii_case(name))
    }

    /// Whether floors and peers are needed at all.
    pub(crate) fn wants_load(&self) -> bool {
        Self::LOAD.iter().any(|name| self.wants(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_asked_for_is_not_run() {
        let asked = |only: &[&str]| Extent {
            rounds: 1,
            lasting: Duration::from_secs(1),
            connections: 1,
            only: only.iter().map(|name| (*name).to_owned()).collect(),
            quick: false,
        };
        assert!(Extent::NAMES.iter().all(|name| asked(&[]).wants(name)));
        assert!(asked(&["w3"]).wants("W3") && !asked(&["w3"]).wants("W4"));
        assert!(asked(&["start", "open"]).wants_load());
        assert!(!asked(&["start"]).wants_load());
    }
}
