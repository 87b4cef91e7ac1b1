//! The contract of [`roster_domain::ports::Readiness`].

use crate::{Case, ReadinessFixture};

pub mod checking;

/// Every case, for callers that run them themselves.
pub fn cases() -> Vec<Case<dyn ReadinessFixture>> {
    crate::__readiness_cases!(__list(readiness))
}

/// Tests that a `Readiness` keeps its contract; see the crate's page.
#[macro_export]
macro_rules! readiness {
    ($fixture:path) => {
        $crate::__readiness_cases!(__tests(readiness, $fixture));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __readiness_cases {
    ($then:ident $given:tt) => {
        $crate::$then! { $given
            checking:
                what_answers_is_ready,
                what_is_gone_is_not_ready_within_a_second;
        }
    };
}
