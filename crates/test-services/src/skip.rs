use crate::ServiceError;

/// The server, or `None` with a line `skipped: <why>` where it cannot be had.
///
/// # Panics
/// With `REQUIRE_SERVICES=1` in the environment, as CI sets it: there, a skipped test is a failed one.
#[expect(
    clippy::print_stdout,
    reason = "a test that did not run has to say so where its reader looks"
)]
#[expect(clippy::panic, reason = "fails the test that asked")]
pub fn or_skip<T>(result: Result<T, ServiceError>) -> Option<T> {
    match result {
        Ok(server) => Some(server),
        Err(error) if std::env::var_os("REQUIRE_SERVICES").is_some_and(|value| value == "1") => {
            panic!("REQUIRE_SERVICES=1, and: {}", error.chain())
        }
        Err(error) => {
            println!("skipped: {}", error.chain());
            None
        }
    }
}
