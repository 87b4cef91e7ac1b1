use std::num::NonZeroU32;
use std::time::Duration;

use roster_adapters_memory::ManualClock;

use super::*;
use crate::problem::ProblemType;
use crate::settings::Rate;

struct Fixture {
    quotas: Quotas,
    clock: Arc<ManualClock>,
}

fn rate(requests: u32, seconds: u32) -> Option<Rate> {
    NonZeroU32::new(requests).map(|requests| Rate { requests, seconds })
}

fn fixture(settings: &QuotaSettings) -> Fixture {
    let clock = Arc::new(ManualClock::default());
    let port = Arc::<ManualClock>::clone(&clock) as Arc<dyn Clock>;
    let quotas = Quotas::new(settings, &port, &Metrics::new());
    Fixture { quotas, clock }
}

fn of_requests(requests: u32, seconds: u32) -> Fixture {
    fixture(&QuotaSettings {
        requests: rate(requests, seconds),
        ..QuotaSettings::default()
    })
}

impl Fixture {
    fn ask(&self, caller: u64, uri: &str) -> Result<Charge<'_>, Problem> {
        let uri: Uri = uri.parse().unwrap();
        let headers = HeaderMap::new();
        self.quotas
            .charge(caller, uri.path(), &Method::GET, &uri, &headers)
    }

    fn allowed(&self, caller: u64) -> usize {
        let ask = || self.ask(caller, "/v1/users").ok();
        std::iter::from_fn(ask).take(10_000).count()
    }
}

fn shown(charge: &Charge<'_>) -> (String, String) {
    let mut headers = HeaderMap::new();
    charge.describe(&mut headers);
    let text = |name| headers[name].to_str().unwrap().to_owned();
    (text(RATE_LIMIT_POLICY), text(RATE_LIMIT))
}

#[test]
fn a_caller_has_its_quota_and_gets_it_back_by_and_by() {
    let fixture = of_requests(10, 60);
    assert_eq!(fixture.allowed(1), 10);
    assert_eq!(fixture.allowed(2), 10, "each has its own");
    let refusal = fixture.ask(1, "/v1/users").err().unwrap();
    assert_eq!(refusal.kind(), ProblemType::QuotaExceeded);
    fixture.clock.advance(Duration::from_secs(5));
    assert_eq!(fixture.allowed(1), 0);
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(fixture.allowed(1), 1);
    fixture.clock.advance(Duration::from_hours(1));
    assert_eq!(fixture.allowed(1), 10, "no more than the quota is saved up");
}

#[test]
fn answers_say_what_is_left_and_when_all_is_there_again() {
    let fixture = of_requests(10, 60);
    let first = fixture.ask(1, "/v1/users").ok().unwrap();
    let policy = "\"requests\";q=10;w=60".to_owned();
    assert_eq!(shown(&first), (policy, "\"requests\";r=9;t=6".to_owned()));
    let second = fixture.ask(1, "/v1/users").ok().unwrap();
    assert_eq!(shown(&second).1, "\"requests\";r=8;t=12");
}

#[test]
fn what_is_given_back_can_be_used_and_is_never_more_than_the_quota() {
    let fixture = of_requests(10, 60);
    for _ in 0..1_000 {
        let mut charge = fixture.ask(1, "/v1/users").ok().unwrap();
        charge.give_back();
        assert_eq!(shown(&charge).1, "\"requests\";r=10;t=0");
    }
    assert_eq!(fixture.allowed(1), 10);
    fixture.clock.advance(Duration::from_hours(1));
    let mut charge = fixture.ask(1, "/v1/users").ok().unwrap();
    charge.give_back();
    assert_eq!(fixture.allowed(1), 10);
}

#[test]
fn reads_of_the_primary_have_a_quota_of_their_own_however_they_are_written() {
    let fixture = fixture(&QuotaSettings {
        strong_reads: rate(3, 60),
        ..QuotaSettings::default()
    });
    for uri in [
        "/v1/users/x?consistency=strong",
        "/v1/users/x?min_version=1&%63onsistency=stron%67",
        "/v1/users/x?consistency%3Dstrong",
    ] {
        assert!(fixture.ask(1, uri).is_ok(), "{uri}");
    }
    let strong = fixture.ask(1, "/v1/users/x?consistency=strong");
    assert!(strong.is_err());
    assert!(fixture.ask(1, "/v1/users/x?consistency=cached").is_ok());
    let uri = Uri::from_static("/v1/users/x");
    let headers = HeaderMap::from_iter([(
        header::CACHE_CONTROL,
        HeaderValue::from_static("max-age=0, No-Cache"),
    )]);
    let forced = fixture
        .quotas
        .charge(1, uri.path(), &Method::GET, &uri, &headers);
    assert!(forced.is_err());
}

#[test]
fn what_one_quota_refuses_costs_nothing_in_another() {
    let fixture = fixture(&QuotaSettings {
        requests: rate(10, 60),
        lookups: rate(1, 60),
        strong_reads: None,
        ..QuotaSettings::default()
    });
    let uri = Uri::from_static("/v1/users/lookup");
    let look_up = || {
        let headers = HeaderMap::new();
        let charge = fixture
            .quotas
            .charge(1, uri.path(), &Method::POST, &uri, &headers);
        charge.is_ok()
    };
    assert!(look_up());
    for _ in 0..20 {
        assert!(!look_up());
    }
    assert_eq!(fixture.allowed(1), 9);
}

#[test]
fn callers_without_end_take_no_memory_without_end() {
    let fixture = of_requests(1, 3_600);
    for caller in 0..100_000 {
        assert!(fixture.ask(caller, "/v1/users").is_ok());
    }
    // Whoever goes on asking is not forgotten for those who ask once.
    let _ = fixture.ask(7, "/v1/users");
    let mut refused = 0;
    for caller in 1_000_000..1_100_000 {
        let _ = fixture.ask(caller, "/v1/users");
        refused += u32::from(caller % 100 == 0 && fixture.ask(7, "/v1/users").is_err());
    }
    assert!(refused > 900, "{refused}");
}

#[test]
fn a_network_is_one_caller() {
    let network = |text: &str| Peer(text.parse().unwrap()).network();
    assert_eq!(network("192.0.2.1"), network("::ffff:192.0.2.1"));
    assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::"));
    assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
}
