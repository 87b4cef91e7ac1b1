//! Logs, and what they say about panics.

mod json_lines;

use std::io::{IsTerminal as _, stderr};
use std::panic::PanicHookInfo;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::settings::LogSettings;
use json_lines::JsonLines;

/// Logs to the standard error stream from now on, panics included. Later calls change nothing.
pub fn start(settings: &LogSettings) {
    let terminal = stderr().is_terminal();
    let started = if settings.is_json(terminal) {
        json(&settings.filter, stderr).try_init()
    } else {
        text(&settings.filter, terminal).try_init()
    };
    if started.is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
}

fn text(filter: &str, colours: bool) -> impl Subscriber + Send + Sync {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(stderr)
        .with_ansi(colours)
        .finish()
}

fn json<W>(filter: &str, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(writer)
        .event_format(JsonLines)
        .finish()
}

/// A formatted panic message may quote what a user sent, so only literal ones are logged.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let literal = panic.payload().downcast_ref::<&'static str>();
    let location = panic
        .location()
        .map(ToString::to_string)
        .unwrap_or_default();
    tracing::error!(
        location,
        reason = literal.copied().unwrap_or("not repeated here"),
        "a panic"
    );
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use roster_domain::ports::StoreError;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(octets)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_json_line_has_every_field_and_every_level_of_an_error() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = json("info", move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            let error = StoreError::Unavailable("no \"route\"\nto host".into());
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                duration_ms = 12_u128,
                user.id = %7,
                "a read {}",
                "failed"
            );
            tracing::debug!("filtered out");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "a read failed");
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["duration_ms"], 12);
        assert_eq!(line["user.id"], "7");
        assert_eq!(line["error"], "the store is not available");
        assert_eq!(
            line["error.sources"],
            serde_json::json!(["no \"route\"\nto host"])
        );
        assert_eq!(text.lines().count(), 1);
    }
}
