/// Asks the system for room for so many connections, and answers how many it gives.
///
/// A process commonly begins with 1,024 open files, and may raise that to a higher limit itself.
#[cfg(unix)]
pub fn allow_open_files(connections: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    /// For the store, the logs, the metrics and connections that are being closed.
    const OTHERS: u64 = 256;
    let wanted = (connections as u64).saturating_add(OTHERS);
    let given = getrlimit(Resource::Nofile);
    let most = given.maximum.unwrap_or(u64::MAX);
    let mut current = given.current.unwrap_or(u64::MAX);
    if current < wanted {
        let raised = Rlimit {
            current: Some(wanted.min(most)),
            maximum: given.maximum,
        };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            current = wanted.min(most);
        }
    }
    let left = usize::try_from(current.saturating_sub(OTHERS)).unwrap_or(usize::MAX);
    left.clamp(1, connections.max(1))
}

/// Elsewhere there is no such limit, or nobody to ask.
#[cfg(not(unix))]
pub fn allow_open_files(connections: usize) -> usize {
    connections
}
