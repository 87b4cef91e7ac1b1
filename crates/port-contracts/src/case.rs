use std::fmt;

use futures::future::BoxFuture;

/// One sentence of a contract, as a function of a fixture.
pub struct Case<F: ?Sized> {
    /// The name of the function, which is the sentence.
    pub name: &'static str,
    /// Panics when the sentence is not true.
    pub run: for<'a> fn(&'a F) -> BoxFuture<'a, ()>,
}

impl<F: ?Sized> fmt::Debug for Case<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Says that a test did not run, because its fixture needs services that are not there.
///
/// # Panics
/// With `REQUIRE_SERVICES=1` in the environment: there a test that did not run is a failure.
pub fn skipped(test: &str) {
    let required = std::env::var_os("REQUIRE_SERVICES").is_some_and(|value| value == "1");
    assert!(!required, "{test}: the services that it needs are missing");
    eprintln!("skipped: {test}: the services that it needs are missing");
}
