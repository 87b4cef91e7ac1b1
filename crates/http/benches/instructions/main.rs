//! The hot paths as counts of instructions: the whole router over the ports in memory, on one
//! thread, on a clock that stands still. `cargo xtask instructions` runs it under valgrind.
//!
//! Arguments: a scenario, and how often.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a measurement ends at the first surprise"
)]

#[path = "../../tests/api/support.rs"]
#[expect(dead_code, reason = "what the tests of the routes use, too")]
mod support;
#[path = "../../tests/api/tokens.rs"]
mod tokens;

use std::num::NonZeroU32;
use std::process::ExitCode;
use std::sync::Arc;

use roster_app::Scope;
use roster_http::settings::Rate;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use support::{Api, Call, Parts, get, post, settle};
use tokens::Mint;

/// Users that are there, whatever is measured.
const USERS: u32 = 512;
/// The size of a batch.
const BATCH: usize = 64;

impl Parts {
    /// Another process on the same stores.
    fn twin(&self) -> Self {
        Self {
            users: Arc::clone(&self.users),
            writes: Arc::clone(&self.writes),
            notifications: Arc::clone(&self.notifications),
            activities: Arc::clone(&self.activities),
            stats: Arc::clone(&self.stats),
            transfer: Arc::clone(&self.transfer),
            caches: self.caches.clone(),
            settings: self.settings.clone(),
            authentication: self.authentication.clone(),
            operator: self.operator.clone(),
            clock: Arc::clone(&self.clock),
            store: self.store.clone(),
        }
    }
}

/// A service with users, and what a caller needs.
struct Stage {
    /// Filled the shared cache, where there is one.
    first: Api,
    /// Has read nothing yet.
    second: Api,
    token: String,
    ids: Vec<String>,
}

impl Stage {
    async fn new(shared: bool) -> Self {
        let mut parts = Parts::new();
        if shared {
            parts = parts.with_shared_cache();
        }
        let requests = NonZeroU32::new(1_000_000).expect("not zero");
        parts.settings.quotas.requests = Some(Rate {
            requests,
            seconds: 1,
        });
        let mint = Mint::of(&parts);
        let parts = mint.guard(parts);
        let token = mint.token("batch", &[Scope::UsersRead, Scope::UsersAdmin]);
        let (first, second) = (parts.twin().build(), parts.build());
        let ids = first.create_many(USERS).await;
        Self {
            first,
            second,
            token,
            ids,
        }
    }

    async fn ask(&self, api: &Api, call: Call) {
        let answer = api.answer(call.token(&self.token)).await;
        assert!(answer.status.as_u16() < 400, "{}", answer.text());
    }

    fn user(&self, number: usize) -> Call {
        get(&format!("/v1/users/{}", self.ids[number % self.ids.len()]))
    }
}

/// What comes before: memory and the shared cache have what the scenario says.
async fn prepare(scenario: &str) -> Stage {
    let stage = Stage::new(scenario == "L2 hit").await;
    match scenario {
        "L1 hit" | "not modified" => {
            for _ in 0..2 {
                stage.ask(&stage.second, stage.user(0)).await;
            }
        }
        "L2 hit" => {
            for number in 0..stage.ids.len() {
                stage.ask(&stage.first, stage.user(number)).await;
            }
        }
        _ => {}
    }
    settle().await;
    stage
}

async fn run(stage: &Stage, scenario: &str, times: usize) {
    let api = &stage.second;
    for number in 0..times {
        let call = match scenario {
            "L1 hit" => stage.user(0),
            "not modified" => stage.user(0).header("if-none-match", "\"v1\""),
            // Different users, of whom this process has none in its memory.
            "L2 hit" => stage.user(number),
            "batch of 64 misses" => {
                let ids = &stage.ids[number * BATCH % stage.ids.len()..][..BATCH];
                post("/v1/users/batch-get", &json!({ "ids": ids }))
            }
            "page of 50" => get("/v1/users?limit=50"),
            "dashboard" => {
                let id = &stage.ids[number % stage.ids.len()];
                get(&format!("/v1/users/{id}/dashboard"))
            }
            other => panic!("no scenario {other:?}"),
        };
        stage.ask(api, call).await;
    }
}

/// Instructions are counted from here to its end alone; valgrind knows it by its name.
#[inline(never)]
fn measured(runtime: &Runtime, stage: &Stage, scenario: &str, times: usize) {
    runtime.block_on(run(stage, scenario, times));
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).filter(|word| word != "--bench");
    let (Some(scenario), Some(times)) = (arguments.next(), arguments.next()) else {
        eprintln!("`cargo xtask instructions` runs this");
        return ExitCode::SUCCESS;
    };
    let times = times.parse().expect("a number");
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let stage = runtime.block_on(prepare(&scenario));
    measured(&runtime, &stage, &scenario, times);
    ExitCode::SUCCESS
}
