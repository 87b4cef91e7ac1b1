use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _, stderr};
use std::net::SocketAddr;
use std::time::Duration;

use roster_app::Scope;

use super::token;
use crate::settings::{Settings, StoreSettings};

/// Says where the service listens, for people on a terminal or for a log.
pub(super) fn show(settings: &Settings, store: &str, api: SocketAddr, metrics: Option<SocketAddr>) {
    let mode = mode(settings);
    if settings.log.is_json(stderr().is_terminal()) {
        let metrics = metrics.map(|address| address.to_string());
        if !settings.access.required {
            tracing::warn!(
                "authentication is off: everybody who reaches this address may do everything"
            );
        }
        tracing::info!(version = env!("CARGO_PKG_VERSION"), mode, store, listen = %api, metrics_listen = metrics, "ready");
        return;
    }
    // Nobody is there to be told that the stream is closed.
    let _ = stderr()
        .lock()
        .write_all(text(settings, store, api, metrics).as_bytes());
}

fn text(settings: &Settings, store: &str, api: SocketAddr, metrics: Option<SocketAddr>) -> String {
    let mut text = format!(
        "Roster {} is ready ({} mode)\n\n",
        env!("CARGO_PKG_VERSION"),
        mode(settings)
    );
    let mut line = |name: &str, value: String| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {name:<9}{value}");
    };
    line(
        "API",
        format!("http://{api}  (described at http://{api}/docs)"),
    );
    match metrics {
        Some(address) => line("metrics", format!("http://{address}/metrics")),
        None => line("metrics", "off".to_owned()),
    }
    line("users in", store.to_owned());
    line("access", access(settings));
    line("try", example(settings, api));
    line("stop", "Ctrl-C".to_owned());
    text.push('\n');
    text
}

fn access(settings: &Settings) -> String {
    if !settings.access.required {
        return "everybody may do everything, because auth is off".to_owned();
    }
    match &settings.access.local_key {
        Some(path) => format!(
            "by token; `roster token` makes some with {}",
            path.display()
        ),
        None => "by token of the issuers in the settings".to_owned(),
    }
}

/// A line for a shell that works as it is, if this process can make a token. It goes to a
/// terminal only, and holds for an hour.
fn example(settings: &Settings, api: SocketAddr) -> String {
    const TTL: Duration = Duration::from_hours(1);
    let token = if settings.access.required {
        let own = token::of_own_key(settings, Scope::UsersRead, TTL);
        let token = own.as_deref().unwrap_or("$ROSTER_TOKEN");
        format!("-H \"Authorization: Bearer {token}\" ")
    } else {
        String::new()
    };
    format!("curl -s {token}'http://{api}/v1/users?limit=10'")
}

fn mode(settings: &Settings) -> &'static str {
    match settings.store {
        StoreSettings::Embedded(_) => "embedded",
        StoreSettings::Distributed(_) => "distributed",
    }
}
