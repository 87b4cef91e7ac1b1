use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::IntoResponse as _;
use axum::routing::get;
use http::header::CONTENT_TYPE;
use tokio::net::TcpListener;

use super::{Failure, banner};
use crate::authentication::Hosts;
use crate::metrics::Metrics;
use crate::problem;
use crate::server::{self, Server, Signals};
use crate::services::Draining;
use crate::settings::{HttpSettings, Settings};
use crate::system::TokioTasks;
use crate::wiring::{self, Assembled, StartError};
use crate::{router, system};

/// Serves until the process is asked to stop.
pub(super) async fn run(settings: Settings) -> Result<(), Failure> {
    let signals =
        Signals::listen().map_err(|error| Failure::new("signals cannot be listened to", error))?;
    let metrics = Arc::new(Metrics::new());
    let tasks = TokioTasks::default();
    let runtime = system::runtime_with(&tasks);
    metrics.started(runtime.clock.now());
    let assembled = tokio::select! {
        assembled = wiring::assemble(&settings, runtime, Arc::clone(&metrics)) => assembled?,
        () = signals.received() => return Ok(()),
    };
    let outcome = serve(&settings, &assembled, &signals, metrics).await;
    if !tasks.finish(settings.http.drain_limit).await {
        tracing::warn!("invalidations or loads were still under way and have been given up");
    }
    assembled.close().await;
    tracing::info!("stopped");
    outcome
}

async fn serve(
    settings: &Settings,
    assembled: &Assembled,
    signals: &Signals,
    metrics: Arc<Metrics>,
) -> Result<(), Failure> {
    let api = bind(&API, settings.http.listen)?;
    let metrics_listener = settings
        .metrics_listen
        .map(|address| bind(&METRICS, address))
        .transpose()?;
    let address = api.local_addr()?;
    let metrics_address = metrics_listener
        .as_ref()
        .map(TcpListener::local_addr)
        .transpose()?;
    assembled.listens_at(address)?;
    if let (Some(listener), Some(listen)) = (metrics_listener, metrics_address) {
        let settings = HttpSettings {
            listen,
            // Elsewhere, whatever collects them has its own names for machines.
            allowed_hosts: if listen.ip().is_loopback() {
                settings.http.allowed_hosts.clone()
            } else {
                Vec::new()
            },
            max_connections: 256,
            ..HttpSettings::default()
        };
        tokio::spawn(serve_metrics(listener, settings, Arc::clone(&metrics)));
    }
    let upkeep = tokio::spawn(keep_up(Arc::clone(&metrics)));

    let services = Arc::clone(&assembled.services);
    let draining = services.draining.clone();
    let server = Server::new(
        router::router(services, &settings.http),
        with_open_files(&settings.http),
        draining,
    );
    banner::show(settings, &assembled.description, address, metrics_address);
    let stopped = server.counted(metrics).run(api, signals.received()).await;
    upkeep.abort();
    if stopped.cut_off > 0 {
        tracing::warn!(
            connections = stopped.cut_off,
            "requests were still under way and have been cut off"
        );
    }
    Ok(())
}

/// The settings with no more connections than the system has open files for.
fn with_open_files(settings: &HttpSettings) -> HttpSettings {
    let given = server::allow_open_files(settings.max_connections);
    if given < settings.max_connections {
        tracing::warn!(
            wanted = settings.max_connections,
            given,
            "the system's limit of open files leaves room for fewer connections than \
             http.max_connections says"
        );
    }
    HttpSettings {
        max_connections: given,
        ..settings.clone()
    }
}

/// A listener and how it is set.
struct Listener {
    name: &'static str,
    flag: &'static str,
    variable: &'static str,
}

const API: Listener = Listener {
    name: "the API",
    flag: "--listen",
    variable: "ROSTER_LISTEN",
};
const METRICS: Listener = Listener {
    name: "the metrics",
    flag: "--metrics-listen",
    variable: "ROSTER_METRICS_LISTEN",
};

fn bind(what: &Listener, address: SocketAddr) -> Result<TcpListener, StartError> {
    server::bind(address).map_err(|source| StartError::Listen {
        name: what.name,
        address,
        flag: what.flag,
        variable: what.variable,
        source,
    })
}

/// `/metrics` until the process ends, so that the stop can be watched.
async fn serve_metrics(listener: TcpListener, settings: HttpSettings, metrics: Arc<Metrics>) {
    const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
    let hosts = Hosts::new(&settings);
    let router = Router::new()
        .route(
            "/metrics",
            get(
                |State(metrics): State<Arc<Metrics>>, request: Request| async move {
                    match hosts.refusal(&request) {
                        Some(problem) => problem::render(&problem, request.uri(), "-"),
                        None => ([(CONTENT_TYPE, TEXT)], metrics.render()).into_response(),
                    }
                },
            ),
        )
        .with_state(metrics);
    Server::new(router, settings, Draining::default())
        .run(listener, std::future::pending())
        .await;
}

async fn keep_up(metrics: Arc<Metrics>) {
    /// A histogram keeps every observation until then: at full load some megabytes.
    const ROUND: Duration = Duration::from_secs(5);
    let mut rounds = tokio::time::interval(ROUND);
    loop {
        rounds.tick().await;
        metrics.run_upkeep();
    }
}
