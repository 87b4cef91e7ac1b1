//! What is asked for: lists of requests, drawn by a seed, so that every system gets the same.

use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Zipf};
use uuid::Uuid;

use crate::Result;

/// One request of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    /// `Name: value`, beside the headers of every request.
    pub(crate) header: Option<String>,
    pub(crate) body: Option<String>,
}

impl Request {
    pub(crate) fn get(path: String) -> Self {
        Self {
            method: "GET",
            path,
            header: None,
            body: None,
        }
    }

    /// One user, whole.
    pub(crate) fn user(id: Uuid) -> Self {
        Self::get(format!("/v1/users/{id}"))
    }

    /// A new name for a user.
    pub(crate) fn rename(id: Uuid, name: &str) -> Self {
        Self {
            method: "PATCH",
            path: format!("/v1/users/{id}"),
            header: None,
            body: Some(format!(r#"{{"name":"{name}"}}"#)),
        }
    }

    /// The id in `/v1/users/{id}` and what lies below it.
    pub(crate) fn user_id(&self) -> Option<Uuid> {
        self.path.split('/').nth(3)?.parse().ok()
    }
}

/// So many users drawn by Zipf's law of 0.99: the first is the most popular.
pub(crate) fn zipf(ids: &[Uuid], length: usize, seed: u64) -> Result<Vec<Uuid>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let law = Zipf::new(f64::from(u32::try_from(ids.len())?), 0.99)?;
    Ok((0..length)
        .map(|_| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a rank, from 1 to the number of users"
            )]
            let rank = law.sample(&mut random) as usize;
            ids[(rank - 1).min(ids.len() - 1)]
        })
        .collect())
}

/// So many users, each as likely as any other.
pub(crate) fn uniform(ids: &[Uuid], length: usize, seed: u64) -> Vec<Uuid> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..length)
        .filter_map(|_| ids.choose(&mut random).copied())
        .collect()
}

/// So many different users; all of them, in an order of its own, where there are fewer.
pub(crate) fn different(ids: &[Uuid], length: usize, seed: u64) -> Vec<Uuid> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    ids.sample(&mut random, length).copied().collect()
}

/// Reads of popular users, one in twenty replaced by an update. No two updates give the same name,
/// whoever is asked: one that changes nothing costs a service less than one that does.
pub(crate) fn mixed(ids: &[Uuid], length: usize, seed: u64) -> Result<Vec<Request>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
    let list: u32 = rand::random();
    Ok(zipf(ids, length, seed)?
        .into_iter()
        .enumerate()
        .map(|(number, id)| {
            if random.random_ratio(1, 20) {
                Request::rename(id, &format!("Zoë {list:08x} {number:06x}"))
            } else {
                Request::user(id)
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn ids(count: u128) -> Vec<Uuid> {
        (1..=count).map(Uuid::from_u128).collect()
    }

    #[test]
    fn the_first_users_are_popular_and_a_seed_repeats_itself() {
        let ids = ids(1_000);
        let drawn = zipf(&ids, 10_000, 7).unwrap();
        let of = |id: &Uuid| drawn.iter().filter(|drawn| *drawn == id).count();
        assert!(of(&ids[0]) > 20 * of(&ids[500]).max(1));
        assert_eq!(drawn, zipf(&ids, 10_000, 7).unwrap());
        assert_ne!(drawn, zipf(&ids, 10_000, 8).unwrap());
    }

    #[test]
    fn no_update_gives_a_name_that_another_gives() {
        let ids = ids(100);
        let lists = [1, 1, 2].map(|seed| mixed(&ids, 10_000, seed).unwrap());
        let updates = || lists.iter().flatten().filter_map(|sent| sent.body.as_ref());
        let share = updates().count() as f64 / 30_000.0;
        assert!((0.04..0.06).contains(&share), "{share}");
        let names: HashSet<_> = updates().collect();
        assert_eq!(names.len(), updates().count());
    }

    #[test]
    fn who_was_drawn_once_is_not_drawn_again() {
        let ids = ids(1_000);
        for (length, wanted) in [(300, 300), (5_000, 1_000)] {
            let drawn = different(&ids, length, 7);
            let once: HashSet<_> = drawn.iter().collect();
            assert_eq!((drawn.len(), once.len()), (wanted, wanted));
            assert_eq!(drawn, different(&ids, length, 7));
            assert_ne!(drawn, different(&ids, length, 8));
            assert_ne!(drawn, ids[..wanted]);
        }
    }

    #[test]
    fn one_in_twenty_is_an_update() {
        let drawn = mixed(&ids(100), 10_000, 7).unwrap();
        let updates = drawn
            .iter()
            .filter(|request| request.method == "PATCH")
            .count();
        assert!((400..600).contains(&updates), "{updates}");
    }

    #[test]
    fn a_request_names_its_user() {
        let id = Uuid::from_u128(9);
        assert_eq!(Request::user(id).user_id(), Some(id));
        assert_eq!(
            Request::get(format!("/v1/users/{id}/dashboard")).user_id(),
            Some(id)
        );
        assert_eq!(
            Request::get("/v1/users?limit=50".to_owned()).user_id(),
            None
        );
    }
}
