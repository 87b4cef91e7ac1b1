use std::collections::HashMap;

use crate::system::Kind;

/// Workload, variant, round.
type Asked = (&'static str, &'static str, u64);

/// The checksums of answers that have to be the same whoever gives them: who took the first one of
/// a round, and what it was.
#[derive(Default)]
pub(super) struct Checksums(HashMap<Asked, (String, u32)>);

impl Checksums {
    /// Bodies of users are the same everywhere; pages have cursors, which each system makes
    /// its own way.
    const COMPARED: [&str; 3] = ["W1", "W2", "W3"];

    /// In words, when these answers are not those of another system to the same requests.
    pub(super) fn add(
        &mut self,
        asked: Asked,
        kind: Kind,
        system: &str,
        checksum: Option<u32>,
    ) -> Option<String> {
        let (workload, variant, round) = asked;
        let floor = matches!(kind, Kind::Constant | Kind::RedisGet);
        if floor || !Self::COMPARED.contains(&workload) {
            return None;
        }
        let place = format!("{workload} {variant}, {system}, round {round}");
        let Some(checksum) = checksum else {
            return Some(format!("{place}: an answer after the load did not come"));
        };
        let first = self.0.entry(asked);
        let (other, first) = first.or_insert_with(|| (system.to_owned(), checksum));
        (*first != checksum).then(|| {
            format!(
                "{place}: the answers have checksum {checksum:08x}, those of {other} {first:08x}"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_of_one_round_have_to_agree() {
        let mut all = Checksums::default();
        let mut add = |asked, kind, system, checksum| all.add(asked, kind, system, checksum);
        let first = ("W1", "hot", 1);
        assert_eq!(add(first, Kind::Service, "roster", Some(1)), None);
        assert_eq!(add(first, Kind::Constant, "bare axum", Some(2)), None);
        assert_eq!(add(first, Kind::Peer, "actix", Some(1)), None);
        assert_eq!(add(("W1", "hot", 2), Kind::Peer, "actix", Some(2)), None);
        assert_eq!(add(("W5", "first", 1), Kind::Peer, "actix", Some(1)), None);
        assert_eq!(
            add(("W5", "first", 1), Kind::Service, "roster", Some(2)),
            None
        );
        let wrong = add(first, Kind::Peer, "fastapi", Some(3)).unwrap();
        assert_eq!(
            wrong,
            "W1 hot, fastapi, round 1: the answers have checksum 00000003, those of roster 00000001"
        );
        assert!(add(first, Kind::Forgetful, "small", None).is_some());
    }
}
