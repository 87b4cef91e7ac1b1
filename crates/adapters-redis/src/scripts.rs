use std::sync::LazyLock;

use redis::{Arg, Cmd, Pipeline, RedisResult, Script, ServerErrorKind, Value};

use crate::connection::Link;

/// Takes an invalidation: floor, milliseconds to keep it.
pub(crate) static INVALIDATE: Lua = lua!("scripts/envelope.lua", "scripts/invalidate.lua");
/// Asks for a lease: token, milliseconds to hold it, perhaps the bytes to pass over.
pub(crate) static ACQUIRE: Lua = lua!("scripts/envelope.lua", "scripts/acquire.lua");
/// Fills under leases: of each key token, envelope, milliseconds to keep it.
#[cfg(not(feature = "without-lease"))]
pub(crate) static FILL: Lua = lua!("scripts/fill.lua");
/// Fills without asking for a lease.
#[cfg(feature = "without-lease")]
pub(crate) static FILL: Lua = lua!("scripts/fill_without_lease.lua");
/// Gives a lease back: token.
pub(crate) static RELEASE: Lua = lua!("scripts/envelope.lua", "scripts/release.lua");

/// Begins a round of the relay: perhaps token and milliseconds of a claim.
pub(crate) static RELAY_START: Lua = lua!("scripts/relay.lua", "scripts/relay_start.lua");
/// Ends one: clock, history, watermark, perhaps the bytes to pass over.
pub(crate) static SET_WATERMARK: Lua = lua!("scripts/relay.lua", "scripts/set_watermark.lua");
/// Reads the watermark and the time beside it.
pub(crate) static PROBE: Lua = lua!("scripts/relay.lua", "scripts/probe.lua");

/// A script whose keys a caller takes from one slot, so that a cluster runs it where they are.
pub(crate) struct Lua {
    source: &'static str,
    hash: LazyLock<String>,
}

macro_rules! lua {
    ($($file:literal),+) => {
        Lua {
            source: concat!($(include_str!($file)),+),
            hash: LazyLock::new(|| hash(concat!($(include_str!($file)),+))),
        }
    };
}
use lua;

fn hash(source: &str) -> String {
    Script::new(source).get_hash().to_owned()
}

/// Puts the scripts where `EVALSHA` finds them.
pub(crate) fn load_all(pipeline: &mut Pipeline) {
    let users = [&INVALIDATE, &ACQUIRE, &FILL, &RELEASE];
    let relay = [&RELAY_START, &SET_WATERMARK, &PROBE];
    for script in users.into_iter().chain(relay) {
        pipeline.add_command(script.load());
    }
}

impl Lua {
    /// One call.
    pub(crate) fn call(&self, keys: &[&[u8]], arguments: &[&[u8]]) -> Cmd {
        let mut cmd = redis::cmd("EVALSHA");
        cmd.arg(self.hash.as_str()).arg(keys.len());
        for key in keys {
            cmd.arg(key);
        }
        for argument in arguments {
            cmd.arg(argument);
        }
        cmd
    }

    /// Sends the calls in one pipeline, other commands among them, and answers their replies in
    /// order, none of them an error.
    ///
    /// Where the server forgot the script (a restart, `SCRIPT FLUSH`), nothing ran: only those
    /// calls are sent once more, each with the source, so that they cannot miss it again.
    pub(crate) async fn run(&self, link: &mut Link, calls: &Pipeline) -> RedisResult<Vec<Value>> {
        let mut replies = link.send_all(calls).await?;
        let forgotten: Vec<usize> = (0..replies.len())
            .filter(|index| is_no_script(&replies[*index]))
            .collect();
        if !forgotten.is_empty() {
            let sent: Vec<&Cmd> = calls.cmd_iter().collect();
            let mut again = Pipeline::with_capacity(forgotten.len());
            for index in &forgotten {
                again.add_command(self.with_source(sent[*index]));
            }
            let second = link.send_all(&again).await?;
            for (index, reply) in forgotten.into_iter().zip(second) {
                replies[index] = reply;
            }
        }
        replies.into_iter().map(Value::extract_error).collect()
    }

    /// The same call as an `EVAL`, which also loads the script.
    fn with_source(&self, call: &Cmd) -> Cmd {
        let mut cmd = redis::cmd("EVAL");
        cmd.arg(self.source);
        for argument in call.args_iter().skip(2) {
            if let Arg::Simple(bytes) = argument {
                cmd.arg(bytes);
            }
        }
        cmd
    }

    fn load(&self) -> Cmd {
        let mut cmd = redis::cmd("SCRIPT");
        cmd.arg("LOAD").arg(self.source);
        cmd
    }
}

fn is_no_script(reply: &Value) -> bool {
    matches!(reply, Value::ServerError(error) if error.kind() == Some(ServerErrorKind::NoScript))
}
