//! More is asked for than the store bears.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use roster_soak::{Client, Node, NodeOptions, now};
use roster_test_services::{Fault, FaultProxy};
use tokio::task::JoinSet;
use url::Url;

use crate::cluster::{at, metric};
use crate::database::Database;
use crate::measure::{is_soak, quantile, rate};
use crate::tries::{in_some_try, kept};

/// Each search costs one statement: no cache answers it, and none shares another's, as pages do.
const SEARCH: &str = "/v1/users?q=us&limit=2";
/// What the way to the database takes, in each direction: it, and not a processor that others
/// use as well, says how much the service can carry.
const WAY: Duration = Duration::from_millis(10);
/// How long more is asked for, and after how much of it the limit must have found its place.
const FLOOD: Duration = Duration::from_secs(8);
const SETTLING: Duration = Duration::from_secs(2);
/// What requests may take at all.
const DEADLINE: Duration = Duration::from_secs(2);

/// Figures that hold on a quiet machine, and those that hold on any.
struct Promise {
    goodput: f64,
    /// What a refusal may take longer than `/livez`, asked beside it.
    refusal: Duration,
    health: Duration,
    /// How many of the refusals leave within a millisecond of their request, by the service's own
    /// clock: what a client's machine adds is not in it.
    at_once: f64,
}

const QUIET: Promise = Promise {
    goodput: 0.9,
    refusal: Duration::from_millis(1),
    health: Duration::from_millis(50),
    at_once: 0.99,
};
const ANYWHERE: Promise = Promise {
    goodput: 0.7,
    refusal: Duration::from_millis(5),
    health: Duration::from_secs(1),
    at_once: 0.95,
};

/// What is carried stays what it was, is answered within its deadline, and the rest is refused
/// as fast as anything is answered.
#[tokio::test(flavor = "multi_thread")]
async fn f11_five_times_the_load_is_carried_as_well_as_once() {
    let Some(database) = Database::shared().await else {
        return;
    };
    let promise = if is_soak() { QUIET } else { ANYWHERE };
    in_some_try(async || {
        let figures = look(&database).await;
        println!("f11: {figures:?}");
        kept(figures.keep(&promise), format!("{figures:#?}"))
    })
    .await;
}

/// What one look at an overload showed, once it had lasted for a while.
#[derive(Debug)]
#[expect(dead_code, reason = "all of them are for whoever reads a failure")]
struct Figures {
    peak: f64,
    goodput: f64,
    asked: f64,
    /// Answers, refusals at once, and the rest.
    counts: [usize; 3],
    slowest_answer: Duration,
    refusals: Quantiles,
    /// The share of refusals that took the service no more than a millisecond.
    at_once: f64,
    /// Until it had settled: answers, refusals at once, and the rest, which was let in and could
    /// not be served; and what the rest took at the most.
    at_first: [usize; 3],
    slowest_at_first: Duration,
    livez: Quantiles,
    readyz: Quantiles,
    /// Checks of health that failed.
    unwell: usize,
    /// KiB when it had settled, and at the end.
    memory: [u64; 2],
}

/// The median, and what one in a hundred exceeds.
#[derive(Clone, Copy, Debug)]
struct Quantiles {
    median: Duration,
    rare: Duration,
}

impl Figures {
    fn keep(&self, promise: &Promise) -> bool {
        let [answers, _, rest] = self.counts;
        self.goodput >= promise.goodput * self.peak
            // Of what is admitted a little may come too late while the limit looks for more.
            && rest * 20 <= answers
            && self.slowest_answer <= DEADLINE
            && self.refusals.median <= self.livez.median + promise.refusal
            && self.at_once >= promise.at_once
            && self.livez.rare <= promise.health
            && self.unwell == 0
            && self.memory[1] <= self.memory[0] + 8 * 1_024
    }
}

impl Quantiles {
    fn of(values: impl Iterator<Item = Duration>) -> Self {
        let values: Vec<_> = values.collect();
        Self {
            median: quantile(&values, 0.5),
            rare: quantile(&values, 0.99),
        }
    }
}

/// One answer.
#[derive(Clone, Copy)]
struct Seen {
    sent: Duration,
    took: Duration,
    status: u16,
    /// Refused before it was begun.
    shed: bool,
}

async fn look(database: &Database) -> Figures {
    let (proxy, url) = behind_proxy(database).await;
    let node = database.node_with(NodeOptions {
        database_url: url,
        redis_url: "none".to_owned(),
        ..NodeOptions::default()
    });
    proxy.set(Fault::Delay(WAY));
    let peak = peak(&node, Duration::from_secs(3)).await;
    let before = refusals(&node).await;
    let began = now();
    let livez = watch(&node, "/livez", Duration::from_millis(10), began + FLOOD);
    let readyz = watch(&node, "/readyz", Duration::from_millis(100), began + FLOOD);
    let settled = async {
        at(began + SETTLING).await;
        node.resident_kib()
    };
    let (seen, livez, readyz, memory) =
        tokio::join!(flood(&node, peak * 5.0, FLOOD), livez, readyz, settled);
    let memory = [memory.unwrap(), node.resident_kib().unwrap()];
    let after = refusals(&node).await;
    let (answers, sheds) = (|seen: &Seen| seen.status == 200, |seen: &Seen| seen.shed);
    let rest = |seen: &&Seen| !answers(seen) && !sheds(seen);
    let (at_first, seen): (Vec<&Seen>, Vec<&Seen>) =
        seen.iter().partition(|seen| seen.sent < began + SETTLING);
    let of = |wanted: fn(&Seen) -> bool| seen.iter().filter(move |seen| wanted(seen));
    let span = FLOOD - SETTLING;
    let counts = counted(&seen);
    Figures {
        peak,
        goodput: rate(counts[0], span),
        asked: rate(seen.len(), span),
        counts,
        slowest_answer: of(answers)
            .map(|seen| seen.took)
            .max()
            .unwrap_or(DEADLINE * 2),
        refusals: Quantiles::of(of(sheds).map(|seen| seen.took)),
        at_once: share(after.at_once - before.at_once, after.all - before.all),
        at_first: counted(&at_first),
        slowest_at_first: at_first
            .into_iter()
            .filter(rest)
            .map(|seen| seen.took)
            .max()
            .unwrap_or_default(),
        livez: Quantiles::of(livez.iter().map(|seen| seen.took)),
        readyz: Quantiles::of(readyz.iter().map(|seen| seen.took)),
        unwell: livez
            .iter()
            .chain(&readyz)
            .filter(|seen| !answers(seen))
            .count(),
        memory,
    }
}

/// Answers, refusals at once, and the rest.
fn counted(seen: &[&Seen]) -> [usize; 3] {
    let answers = seen.iter().filter(|seen| seen.status == 200).count();
    let sheds = seen.iter().filter(|seen| seen.shed).count();
    [answers, sheds, seen.len() - answers - sheds]
}

/// Refusals as the service tells of them.
struct Refusals {
    all: u64,
    /// A search that is answered takes far longer, on its way to the database alone.
    at_once: u64,
}

async fn refusals(node: &Node) -> Refusals {
    const TOOK: &str = "roster_http_request_duration_seconds_bucket";
    const WITHIN: &str = r#"route="/v1/users",method="GET",le="0.001""#;
    Refusals {
        all: metric(node, "roster_http_refused_total", "read").await,
        at_once: metric(node, TOOK, WITHIN).await,
    }
}

#[expect(clippy::cast_precision_loss, reason = "some thousands")]
fn share(part: u64, all: u64) -> f64 {
    part as f64 / all.max(1) as f64
}

/// How many searches a second the service answers at the most: some clients at once, each of which
/// waits for its answer.
async fn peak(node: &Node, span: Duration) -> f64 {
    let end = now() + span;
    let mut clients = JoinSet::new();
    for _ in 0..20 {
        let mut client = Client::new(node.address());
        clients.spawn(async move {
            let mut count = 0;
            while now() < end {
                count += usize::from(client.get(SEARCH).await.unwrap().status == 200);
            }
            count
        });
    }
    rate(clients.join_all().await.into_iter().sum(), span)
}

/// So many searches a second, whatever becomes of those before.
async fn flood(node: &Node, rate: f64, span: Duration) -> Vec<Seen> {
    const STEP: Duration = Duration::from_millis(4);
    let (began, idle) = (now(), Arc::new(Mutex::new(Vec::new())));
    let mut asked = JoinSet::new();
    let mut count = 0;
    while now() - began < span {
        let due = (now() - began).as_secs_f64() * rate;
        while f64::from(count) < due {
            asked.spawn(of_idle(node.address(), Arc::clone(&idle)));
            count += 1;
        }
        at(now() + STEP).await;
    }
    asked.join_all().await
}

async fn of_idle(address: SocketAddr, idle: Arc<Mutex<Vec<Client>>>) -> Seen {
    let client = idle.lock().unwrap().pop();
    let mut client = client.unwrap_or_else(|| Client::new(address));
    let seen = ask(&mut client, SEARCH).await;
    idle.lock().unwrap().push(client);
    seen
}

/// The same again and again, until then.
async fn watch(node: &Node, path: &str, pause: Duration, end: Duration) -> Vec<Seen> {
    let mut client = Client::new(node.address());
    let mut seen = Vec::new();
    while now() < end {
        seen.push(ask(&mut client, path).await);
        at(now() + pause).await;
    }
    seen
}

async fn ask(client: &mut Client, path: &str) -> Seen {
    let sent = now();
    let answer = client.get(path).await;
    let took = now() - sent;
    let (status, body) =
        answer.map_or_else(|_| (0, String::new()), |told| (told.status, told.body));
    Seen {
        sent,
        took,
        status,
        shed: body.contains("/problems/temporary-reduced-capacity"),
    }
}

async fn behind_proxy(database: &Database) -> (FaultProxy, String) {
    let mut url = Url::parse(database.url()).unwrap();
    let server = (
        url.host_str().unwrap().to_owned(),
        url.port().unwrap_or(5432),
    );
    let mut addresses = tokio::net::lookup_host(server).await.unwrap();
    let proxy = FaultProxy::start(addresses.next().unwrap());
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(proxy.addr().port())).unwrap();
    (proxy, url.to_string())
}
