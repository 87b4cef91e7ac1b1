//! Every check that a change has to pass, but for the tests.

use std::time::Instant;

use crate::command::{cargo, run as run_command};
use crate::failure::{Failure, Outcome};
use crate::{boundaries, deny, docs_check, model, openapi, sqlx_data, tidy, workspace};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this step
    #[arg(long)]
    only: Option<String>,
}

struct Step {
    name: &'static str,
    run: fn() -> Outcome,
}

/// The quick ones first, but for `deny`: it fetches the packages that `boundaries` looks at
/// offline. Those that share a build stand together.
const STEPS: [Step; 10] = [
    Step {
        name: "fmt",
        run: || run_command(&mut cargo(["fmt", "--all", "--", "--check"])),
    },
    Step {
        name: "tidy",
        run: tidy::run,
    },
    Step {
        name: "deny",
        run: deny::run,
    },
    Step {
        name: "boundaries",
        run: boundaries::run,
    },
    Step {
        name: "clippy",
        run: clippy,
    },
    Step {
        name: "clippy-alone",
        run: clippy_alone,
    },
    Step {
        name: "docs",
        run: docs_check::run,
    },
    Step {
        name: "sqlx",
        run: || sqlx_data::run(&sqlx_data::Args::check()),
    },
    Step {
        name: "openapi",
        run: openapi,
    },
    Step {
        name: "model",
        run: model::run_quick,
    },
];

#[expect(
    clippy::disallowed_methods,
    reason = "the time that a step takes is for its reader alone"
)]
pub(crate) fn run(args: &Args) -> Outcome {
    if let Some(only) = &args.only
        && STEPS.iter().all(|step| step.name != only)
    {
        let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        return Err(Failure::new(format!(
            "no step is called {only}; there are {}",
            names.join(", ")
        )));
    }
    for step in STEPS
        .iter()
        .filter(|step| args.only.as_ref().is_none_or(|only| only == step.name))
    {
        println!("== {}", step.name);
        let started = Instant::now();
        let done = (step.run)();
        println!(
            "== {}: {} in {:.1} s",
            step.name,
            if done.is_ok() { "ok" } else { "failed" },
            started.elapsed().as_secs_f64()
        );
        done?;
    }
    Ok(())
}

fn clippy() -> Outcome {
    run_command(&mut cargo([
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "--deny",
        "warnings",
    ]))
}

/// The build of the whole workspace switches on `mocks` and other features of its tests, so what ships is looked at
/// alone. At the same time, a reader's own `DATABASE_URL` must not decide whether the SQL compiles.
fn clippy_alone() -> Outcome {
    let adapters = [
        "--package",
        "roster-adapters-postgres",
        "--package",
        "roster-adapters-sqlite",
    ];
    run_command(&mut cargo(["clean", "--quiet"].into_iter().chain(adapters)))?;
    let mut clippy = cargo([
        "clippy",
        "--package",
        "roster-http",
        "--quiet",
        "--",
        "--deny",
        "warnings",
    ]);
    for variable in [
        "DATABASE_URL",
        "ROSTER_POSTGRES_DATABASE_URL",
        "ROSTER_SQLITE_DATABASE_URL",
    ] {
        clippy.env(variable, "postgres://nobody:nothing@127.0.0.1:1/none");
    }
    run_command(&mut clippy)
}

/// With the binary that the tests need anyway: built alone it has other features, which is another hundred crates.
fn openapi() -> Outcome {
    run_command(&mut cargo(["test", "--workspace", "--no-run", "--quiet"]))?;
    openapi::check_binary(&workspace::target_folder()?.join("debug/roster"))
}
