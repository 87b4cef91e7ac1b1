//! Limits of time, on a machine that does other things besides.

/// What a busy machine adds is not there every time; what the service takes is.
pub(crate) const TRIES: usize = 5;

/// Returns when a try has kept its limits; one that has not says how. What may never happen is
/// asserted in each of them.
pub(crate) async fn in_some_try(mut look: impl AsyncFnMut() -> Result<(), String>) {
    let mut broken = Vec::new();
    while broken.len() < TRIES {
        match look().await {
            Ok(()) => return,
            Err(told) => broken.push(told),
        }
    }
    panic!("no try of {TRIES} was good:\n{}", broken.join("\n"));
}

/// What a try says of a limit.
pub(crate) fn kept(is_kept: bool, told: String) -> Result<(), String> {
    if is_kept { Ok(()) } else { Err(told) }
}
