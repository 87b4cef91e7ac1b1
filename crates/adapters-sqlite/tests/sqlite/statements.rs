use std::fmt::{self, Write as _};
use std::sync::Mutex;

use roster_port_contracts::StoreFixture as _;
use roster_port_contracts::samples::{new_user, user_id};
use tracing::field::{Field, Visit};
use tracing::{Event, Instrument as _, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use crate::support::fixture;

static SEEN: Mutex<Vec<(Level, String)>> = Mutex::new(Vec::new());

/// Keeps the statements that ran on behalf of the span `counted`.
struct Statements;

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Statements {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let counted = context
            .event_span(event)
            .is_some_and(|span| span.name() == "counted");
        if counted && event.metadata().target() == "sqlx::query" {
            let mut text = Text(String::new());
            event.record(&mut text);
            SEEN.lock()
                .unwrap()
                .push((*event.metadata().level(), text.0));
        }
    }
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, "{field}={value:?} ");
    }
}

#[tokio::test]
async fn each_statement_is_one_debug_event_without_bound_values() {
    // SQLite runs on threads of its own, which see the global subscriber alone.
    let subscriber = tracing_subscriber::registry().with(Statements);
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let fixture = fixture().await.unwrap();
    for number in 1..=3 {
        fixture.users().insert(&new_user(number)).await.unwrap();
    }
    let read = async {
        let one = fixture.users().find_many(&[user_id(1)]).await.unwrap();
        let ids = [1, 2, 3].map(user_id);
        let three = fixture.users().find_many(&ids).await.unwrap();
        assert_eq!((one.len(), three.len()), (1, 3));
        // The event is written when SQLite is done, after the rows: this comes behind it.
        fixture
            .users()
            .find_id_by_email(&new_user(1).email)
            .await
            .unwrap();
    };
    read.instrument(tracing::debug_span!("counted")).await;
    fixture.store.close().await;
    let seen = SEEN.lock().unwrap();
    assert_eq!(seen.len(), 3, "{seen:#?}");
    for (level, text) in &*seen {
        assert_eq!(*level, Level::DEBUG);
        assert!(
            text.contains("FROM users") || text.contains("FROM user_emails"),
            "{text}"
        );
        assert!(!text.contains("example.com"), "{text}");
        assert!(!text.contains("01900000"), "{text}");
    }
    assert!(seen[0].1.contains("WHERE id = ?1"), "{}", seen[0].1);
    assert!(seen[1].1.contains("json_each(?1)"), "{}", seen[1].1);
}
