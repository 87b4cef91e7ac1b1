use std::fmt::Debug;
use std::hash::Hash;

use crate::code::Code;

/// Something with states and steps, of which every state must be in order.
pub(crate) trait Protocol: Clone + Send + Sync + 'static {
    type State: Clone + Debug + Eq + Hash + Send + Sync + 'static;
    type Step: Copy + Debug + PartialEq + Send + Sync + 'static;

    fn start(&self) -> Self::State;

    /// Every step that can be next, in an order that depends on the state alone.
    fn steps(&self, state: &Self::State, steps: &mut Vec<Self::Step>);

    fn next(&self, state: &Self::State, step: Self::Step) -> Self::State;

    /// The property that does not hold in this state.
    fn broken(&self, state: &Self::State) -> Option<&'static str>;

    /// What the step does and what comes of it, for a reader.
    fn tell(&self, before: &Self::State, step: Self::Step, after: &Self::State) -> String;

    /// What does this step in the code.
    fn code(&self, step: Self::Step) -> Code;
}
