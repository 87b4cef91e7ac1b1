mod report;

use http::Method;
use roster_domain::UserId;
use serde::de::DeserializeOwned;

use super::client::{Client, Reply};
use super::{Failure, output};
use crate::problem::ProblemType;
use crate::settings::Settings;

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
    /// A token with the scope ops; without it one is made with the service's own key
    #[arg(long, global = true, env = "ROSTER_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show sizes, hit ratios, and how old an answer may be
    Status {
        /// Print the JSON that the service answers
        #[arg(long)]
        json: bool,
    },
    /// Show one user in every tier
    Show {
        /// The user's id
        id: UserId,
        /// Print the JSON that the service answers
        #[arg(long)]
        json: bool,
    },
    /// Take one user out of every cache
    Evict {
        /// The user's id
        id: UserId,
    },
    /// Make everything that is cached a miss, in every process
    Clear,
}

/// Asks the running service about its caches, or has it clear them.
pub(super) async fn run(args: Args, settings: &Settings) -> Result<(), Failure> {
    const CACHE: &str = "/v1/admin/cache";
    let client = Client::of_operator(settings, args.token);
    let of = |id: UserId| format!("{CACHE}/users/{id}");
    match args.action {
        Action::Status { json } => {
            let reply = client.send(Method::GET, CACHE).await?;
            show(&reply, json, report::status)
        }
        Action::Show { id, json } => {
            let reply = client.send(Method::GET, &of(id)).await?;
            show(&reply, json, report::user)
        }
        Action::Evict { id } => {
            done(&client.send(Method::DELETE, &of(id)).await?)?;
            output::write(format!("took user {id} out of every cache\n").as_bytes())
        }
        Action::Clear => {
            done(&client.send(Method::POST, &format!("{CACHE}/epoch")).await?)?;
            output::write(b"made everything that was cached a miss, in every process\n")
        }
    }
}

/// Prints an answer as it is, or for people.
fn show<T: DeserializeOwned>(
    reply: &Reply,
    json: bool,
    report: impl FnOnce(&T) -> String,
) -> Result<(), Failure> {
    if !reply.status.is_success() {
        return Err(refused(reply));
    }
    let body: T = serde_json::from_slice(&reply.body).map_err(|error| {
        let message = format!(
            "{} answers what this release of roster does not know; {OTHER}",
            reply.url
        );
        Failure::new(message, error)
    })?;
    if json {
        output::write(&[&*reply.body, b"\n"].concat())
    } else {
        output::write(report(&body).as_bytes())
    }
}

fn done(reply: &Reply) -> Result<(), Failure> {
    if reply.status.is_success() {
        Ok(())
    } else {
        Err(refused(reply))
    }
}

const OTHER: &str =
    "--listen or ROSTER_LISTEN says where the service is, and it must be of the same release";

/// What the service said instead, and what to do.
fn refused(reply: &Reply) -> Failure {
    let (url, status) = (&reply.url, reply.status);
    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let Some(detail) = body["detail"].as_str() else {
        return Failure::message(format!("{url} answers {status}; {OTHER}"));
    };
    let kind = body["type"].as_str().and_then(ProblemType::of_uri);
    let advice = match kind {
        Some(ProblemType::DependencyUnavailable | ProblemType::TemporaryReducedCapacity) => {
            "try again when `roster health` says that everything is ok".to_owned()
        }
        Some(ProblemType::Unauthenticated | ProblemType::Forbidden) => {
            "--token or ROSTER_TOKEN takes a token with the scope ops; without it one is made with the key in the \
             service's data folder, which --data-dir or --auth-local-key names"
                .to_owned()
        }
        None | Some(ProblemType::NotFound) => OTHER.to_owned(),
        Some(_) => format!(
            "the service's log says more under the request id {}",
            body["request_id"].as_str().unwrap_or("of the answer")
        ),
    };
    Failure::message(format!("{url} answers {status}: {detail}\n  {advice}"))
}
