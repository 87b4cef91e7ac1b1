use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::ServiceError;
use crate::run_user::RunUser;

const POLL: Duration = Duration::from_millis(10);
const POLLS_UNTIL_READY: u32 = 3_000;
const POLLS_UNTIL_ENDED: u32 = 1_000;

/// Writes its own process id, which `exec` keeps, before the server begins: so the guardian knows it from the start.
const LAUNCHER: &str = r#"echo $$ > "$0" && exec "$@""#;

/// Ends the server and removes its folder when the pipe from our process closes, that is, when we are gone.
const GUARDIAN: &str = r#"
trap '' HUP INT QUIT TERM
if read -r word; then exit 0; fi
[ -s "$1/pid" ] || sleep 0.3
if read -r pid < "$1/pid"; then
  kill -CONT "$pid"; kill -"$2" "$pid"
  polls=0
  while kill -0 "$pid" && [ "$polls" -lt 100 ]; do sleep 0.1; polls=$((polls + 1)); done
  kill -KILL "$pid"
fi
rm -rf -- "$1"
"#;

/// What makes one kind of server different from another.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) user: RunUser,
    /// What the server prints once it accepts connections.
    pub(crate) ready: &'static str,
    /// The signal that ends it in an orderly way.
    pub(crate) stop: Signal,
    /// The signal that ends it at once, with its children.
    pub(crate) abort: Signal,
    /// The same as `kill` spells it.
    pub(crate) abort_name: &'static str,
}

/// A server process of our own in a folder of its own, which ends with us.
pub(crate) struct PrivateProcess {
    program: Program,
    environment: Vec<(String, String)>,
    folder: TempDir,
    child: Mutex<Option<Child>>,
    guardian: Mutex<Child>,
}

impl PrivateProcess {
    pub(crate) fn new(program: Program, folder: TempDir) -> Result<Self, ServiceError> {
        let guardian = Command::new("sh")
            .args(["-c", GUARDIAN, "guardian"])
            .arg(folder.path())
            .arg(program.abort_name)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .process_group(0)
            .spawn()
            .map_err(ServiceError::io("start the guardian of a private server"))?;
        Ok(Self {
            program,
            environment: Vec::new(),
            folder,
            child: Mutex::new(None),
            guardian: Mutex::new(guardian),
        })
    }

    /// The same, with more in its environment.
    pub(crate) fn in_environment(mut self, environment: Vec<(String, String)>) -> Self {
        self.environment = environment;
        self
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The running server's process id; 0 when it does not run.
    pub(crate) fn pid(&self) -> u32 {
        self.child().as_ref().map_or(0, Child::id)
    }

    /// Starts the server and returns when it says that it is ready.
    pub(crate) fn start(&self, arguments: &[OsString]) -> Result<(), ServiceError> {
        let log = self.folder().join("server.log");
        let output = File::create(&log).map_err(ServiceError::io("make the server's log file"))?;
        let errors = output
            .try_clone()
            .map_err(ServiceError::io("share the server's log file"))?;
        let mut command = Command::new("sh");
        command
            .args(["-c", LAUNCHER])
            .arg(self.folder().join("pid"))
            .arg(&self.program.path)
            .args(arguments)
            .env("LC_ALL", "C")
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .current_dir(self.folder())
            // Ctrl-C in a terminal goes to our group; we end the server ourselves.
            .process_group(0);
        self.program.user.apply(&mut command);
        let mut child = command
            .spawn()
            .map_err(ServiceError::io("start a private server"))?;
        for _ in 0..POLLS_UNTIL_READY {
            let ended = child
                .try_wait()
                .map_err(ServiceError::io("look after a private server"))?
                .is_some();
            let printed = fs::read_to_string(&log).unwrap_or_default();
            if !ended && printed.contains(self.program.ready) {
                *self.child() = Some(child);
                return Ok(());
            }
            if ended {
                self.forget_pid();
                return Err(self.did_not_start(&printed));
            }
            thread::sleep(POLL);
        }
        send(child.id(), Signal::KILL);
        let _ = child.wait();
        self.forget_pid();
        Err(self.did_not_start(&fs::read_to_string(&log).unwrap_or_default()))
    }

    /// Sends `signal` to the server and, where `children` are asked for, to the processes that it started.
    pub(crate) fn signal(&self, signal: Signal, children: bool) {
        let pid = self.pid();
        if pid == 0 {
            return;
        }
        // The parent first: a parent that still runs would start new children, or mend what was done to them.
        send(pid, signal);
        if children {
            for child in children_of(pid) {
                send(child, signal);
            }
        }
    }

    /// Ends the server as its operator would, and waits until it is gone.
    pub(crate) fn stop(&self) {
        self.end(self.program.stop);
    }

    /// Ends the server at once, and waits until it is gone.
    pub(crate) fn abort(&self) {
        self.end(self.program.abort);
    }

    /// `kill -9` of the server and its children; waits until it is gone.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL, true);
        self.reap();
    }

    fn end(&self, signal: Signal) {
        self.signal(Signal::CONT, true);
        self.signal(signal, false);
        self.reap();
    }

    fn reap(&self) {
        let Some(mut child) = self.child().take() else {
            return;
        };
        for _ in 0..POLLS_UNTIL_ENDED {
            if !matches!(child.try_wait(), Ok(None)) {
                self.forget_pid();
                return;
            }
            thread::sleep(POLL);
        }
        send(child.id(), Signal::KILL);
        let _ = child.wait();
        self.forget_pid();
    }

    /// The number may soon belong to another process, which the guardian must not end.
    fn forget_pid(&self) {
        let _ = fs::remove_file(self.folder().join("pid"));
    }

    fn did_not_start(&self, printed: &str) -> ServiceError {
        let last: Vec<&str> = printed.lines().rev().take(8).collect();
        let output = last.into_iter().rev().collect::<Vec<_>>().join(" | ");
        ServiceError::DidNotStart {
            program: self.program.name,
            output,
        }
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PrivateProcess {
    fn drop(&mut self) {
        self.abort();
        let guardian = self
            .guardian
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(mut pipe) = guardian.stdin.take() {
            let _ = pipe.write_all(b"done\n");
        }
        let _ = guardian.wait();
    }
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended by itself meanwhile, which is as good.
        let _ = kill_process(pid, signal);
    }
}

/// The processes whose parent is `pid`.
fn children_of(pid: u32) -> Vec<u32> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return children_by_ps(pid);
    };
    processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|&process| {
            fs::read_to_string(format!("/proc/{process}/stat"))
                .is_ok_and(|stat| parent_in(&stat) == Some(pid))
        })
        .collect()
}

/// The second field after the command's name, which is in brackets and may itself hold spaces and brackets.
fn parent_in(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

fn children_by_ps(pid: u32) -> Vec<u32> {
    let Ok(output) = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output() else {
        return Vec::new();
    };
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| {
            let mut numbers = line.split_whitespace().map(str::parse::<u32>);
            let process = numbers.next()?.ok()?;
            (numbers.next()?.ok()? == pid).then_some(process)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_found_behind_a_name_with_brackets() {
        assert_eq!(parent_in("42 (a) b (c)) S 17 42 42 0"), Some(17));
        assert_eq!(parent_in("nothing"), None);
    }
}
