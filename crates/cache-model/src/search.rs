use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::code::Code;
use crate::protocol::Protocol;

/// What a search came to.
#[derive(Debug)]
pub(crate) struct Found {
    /// Different states that were reached.
    pub(crate) states: usize,
    /// Steps from the start to the farthest of them.
    pub(crate) depth: usize,
    pub(crate) took: Duration,
    /// Whether there was nothing left to search.
    pub(crate) exhausted: bool,
    pub(crate) violation: Option<Violation>,
}

/// A property that does not hold, and the shortest way there.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) property: &'static str,
    pub(crate) steps: Vec<Told>,
}

/// A step in words, and what does it.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) words: String,
    pub(crate) code: Code,
}

/// Searches breadth first until a property is broken or every state was seen. The way found is a shortest one.
#[expect(
    clippy::disallowed_methods,
    reason = "how long a search takes is for its reader alone"
)]
pub(crate) fn search<P: Protocol>(protocol: &P, most_states: usize) -> Found {
    let started = Instant::now();
    let model = Searched {
        protocol: protocol.clone(),
        first: OnceLock::new(),
    };
    let mut search = model
        .checker()
        // With a second thread, the way found would not be a shortest one.
        .threads(1)
        .finish_when(HasDiscoveries::Any);
    if let Some(most) = NonZeroUsize::new(most_states) {
        search = search.target_state_count(most.get());
    }
    let search = search.spawn_bfs().join();
    let violation = search.discovery(PROPERTY).map(|path| {
        let states = path.clone().into_states();
        let steps = path.into_actions();
        let told = steps
            .iter()
            .zip(states.windows(2))
            .map(|(step, around)| Told {
                words: protocol.tell(&around[0], *step, &around[1]),
                code: protocol.code(*step),
            })
            .collect();
        Violation {
            property: states
                .last()
                .and_then(|state| protocol.broken(state))
                .unwrap_or("unknown"),
            steps: told,
        }
    });
    Found {
        states: search.unique_state_count(),
        depth: search.max_depth().saturating_sub(1),
        took: started.elapsed(),
        exhausted: violation.is_none() && search.state_count() < most_states,
        violation,
    }
}

const PROPERTY: &str = "in order";

struct Searched<P: Protocol> {
    protocol: P,
    /// The checker goes on for a while after a violation and keeps the last one that it meets; only the first is at
    /// the end of a shortest way.
    first: OnceLock<P::State>,
}

impl<P: Protocol> Model for Searched<P> {
    type State = P::State;
    type Action = P::Step;

    fn init_states(&self) -> Vec<P::State> {
        vec![self.protocol.start()]
    }

    fn actions(&self, state: &P::State, steps: &mut Vec<P::Step>) {
        self.protocol.steps(state, steps);
    }

    fn next_state(&self, state: &P::State, step: P::Step) -> Option<P::State> {
        Some(self.protocol.next(state, step))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(PROPERTY, |model: &Self, state| {
            model.protocol.broken(state).is_none()
                || model.first.get_or_init(|| state.clone()) != state
        })]
    }
}
