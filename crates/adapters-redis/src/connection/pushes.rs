use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::Value;
use roster_domain::ports::{CachePush, ConnectionEpoch, InvalidationSink};

use crate::key::Keys;

/// Who hears what the connection says by itself, and which of its lives may be spoken of.
///
/// One lock over all of it: whoever subscribes hears `Connected` before anything that comes
/// after, and a life that is over can no longer void the next one.
pub(crate) struct Pushes {
    keys: Keys,
    state: Mutex<State>,
}

struct State {
    /// How many lives were begun; each has its number.
    lives: u64,
    /// The life whose replies may be kept; `UNTRACKED` while there is none.
    serving: ConnectionEpoch,
    sinks: Vec<Arc<dyn InvalidationSink>>,
}

impl Pushes {
    pub(super) fn new(keys: Keys) -> Self {
        Self {
            keys,
            state: Mutex::new(State {
                lives: 0,
                serving: ConnectionEpoch::UNTRACKED,
                sinks: Vec::new(),
            }),
        }
    }

    /// A number that no life had before.
    pub(super) fn begin_life(&self) -> ConnectionEpoch {
        let mut state = self.state();
        state.lives += 1;
        ConnectionEpoch(state.lives)
    }

    pub(crate) fn subscribe(&self, sink: Arc<dyn InvalidationSink>) {
        let mut state = self.state();
        if state.serving != ConnectionEpoch::UNTRACKED {
            sink.push(CachePush::Connected(state.serving));
        }
        state.sinks.push(sink);
    }

    /// Replies of this life may be kept from now on. One that is not tracked is passed over.
    pub(super) fn connected(&self, life: ConnectionEpoch) {
        if life != ConnectionEpoch::UNTRACKED {
            let mut state = self.state();
            state.serving = life;
            state.tell(&CachePush::Connected(life));
        }
    }

    /// Pushes of this life may have been lost. Said once, and of the serving life alone: what
    /// was kept from an earlier one was voided then.
    pub(super) fn lost(&self, life: ConnectionEpoch) {
        let mut state = self.state();
        if life != ConnectionEpoch::UNTRACKED && state.serving == life {
            state.serving = ConnectionEpoch::UNTRACKED;
            state.tell(&CachePush::Disconnected);
        }
    }

    /// Takes the content of one `invalidate` of this life, inline in the connection's reader;
    /// true when it names no keys, because any may have changed.
    pub(super) fn invalidated(&self, life: ConnectionEpoch, content: &[Value]) -> bool {
        if let [Value::Array(names)] = content {
            // Others are tracked as well: every key that a script or a look-up reads.
            let ids: Vec<_> = names.iter().filter_map(|name| self.user(name)).collect();
            if !ids.is_empty() {
                // From an old life it takes away too much at the worst.
                self.state().tell(&CachePush::Changed(ids));
            }
            return false;
        }
        let state = self.state();
        if state.serving == life {
            state.tell(&CachePush::AllChanged);
        }
        true
    }

    fn user(&self, name: &Value) -> Option<roster_domain::UserId> {
        match name {
            Value::BulkString(key) => self.keys.parse_user(key),
            _ => None,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn tell(&self, push: &CachePush) {
        for sink in &self.sinks {
            sink.push(push.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<CachePush>>);

    impl InvalidationSink for Heard {
        fn push(&self, push: CachePush) {
            self.0.lock().unwrap().push(push);
        }
    }

    impl Heard {
        fn drain(&self) -> Vec<CachePush> {
            std::mem::take(&mut *self.0.lock().unwrap())
        }
    }

    fn heard() -> (Pushes, Arc<Heard>) {
        let pushes = Pushes::new(Keys::new("roster"));
        let heard = Arc::new(Heard::default());
        pushes.subscribe(Arc::<Heard>::clone(&heard));
        (pushes, heard)
    }

    fn names(keys: &[&str]) -> [Value; 1] {
        let keys = keys.iter().map(|key| key.as_bytes().to_vec());
        [Value::Array(keys.map(Value::BulkString).collect())]
    }

    #[test]
    fn each_life_has_a_number_of_its_own() {
        let (pushes, heard) = heard();
        assert_eq!(pushes.begin_life(), ConnectionEpoch(1));
        assert_eq!(pushes.begin_life(), ConnectionEpoch(2));
        assert_eq!(heard.drain(), []);
    }

    #[test]
    fn whoever_comes_later_hears_of_the_serving_life_at_once() {
        let (pushes, heard) = heard();
        pushes.connected(ConnectionEpoch(3));
        assert_eq!(heard.drain(), [CachePush::Connected(ConnectionEpoch(3))]);
        let late = Arc::new(Heard::default());
        pushes.subscribe(Arc::<Heard>::clone(&late));
        assert_eq!(late.drain(), [CachePush::Connected(ConnectionEpoch(3))]);
        assert_eq!(heard.drain(), []);
    }

    #[test]
    fn a_life_is_lost_once() {
        let (pushes, heard) = heard();
        pushes.connected(ConnectionEpoch(1));
        pushes.lost(ConnectionEpoch(1));
        pushes.lost(ConnectionEpoch(1));
        let told = [
            CachePush::Connected(ConnectionEpoch(1)),
            CachePush::Disconnected,
        ];
        assert_eq!(heard.drain(), told);
        let late = Arc::new(Heard::default());
        pushes.subscribe(Arc::<Heard>::clone(&late));
        assert_eq!(late.drain(), []);
    }

    #[test]
    fn an_old_life_cannot_void_the_next() {
        let (pushes, heard) = heard();
        pushes.connected(ConnectionEpoch(1));
        pushes.lost(ConnectionEpoch(1));
        pushes.connected(ConnectionEpoch(2));
        heard.drain();
        pushes.lost(ConnectionEpoch(1));
        assert!(pushes.invalidated(ConnectionEpoch(1), &[Value::Nil]));
        assert_eq!(heard.drain(), []);
        assert!(pushes.invalidated(ConnectionEpoch(2), &[Value::Nil]));
        assert_eq!(heard.drain(), [CachePush::AllChanged]);
    }

    #[test]
    fn an_untracked_life_is_not_spoken_of() {
        let (pushes, heard) = heard();
        pushes.connected(ConnectionEpoch::UNTRACKED);
        pushes.lost(ConnectionEpoch::UNTRACKED);
        assert_eq!(heard.drain(), []);
    }

    #[test]
    fn keys_that_are_not_users_are_left_out() {
        let (pushes, heard) = heard();
        pushes.connected(ConnectionEpoch(1));
        heard.drain();
        let id: roster_domain::UserId = "0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f".parse().unwrap();
        let ours = format!("roster:u:{{{id}}}");
        let mixed = names(&["roster:wm:{00}", &ours, "roster:u:{}", "other"]);
        assert!(!pushes.invalidated(ConnectionEpoch(1), &mixed));
        assert_eq!(heard.drain(), [CachePush::Changed(vec![id])]);
        assert!(!pushes.invalidated(ConnectionEpoch(1), &names(&["roster:wm:{00}"])));
        assert_eq!(heard.drain(), []);
    }

    #[test]
    fn what_is_not_understood_may_be_anything() {
        let (pushes, heard) = heard();
        pushes.connected(ConnectionEpoch(1));
        heard.drain();
        for content in [vec![], vec![Value::Nil], vec![Value::Int(1), Value::Nil]] {
            assert!(pushes.invalidated(ConnectionEpoch(1), &content));
            assert_eq!(heard.drain(), [CachePush::AllChanged]);
        }
    }
}
