//! The guard of the near cache against a connection that brings replies and pushes in order.

use std::collections::VecDeque;
use std::sync::Arc;

use roster_adapters_memory::ManualClock;
use roster_domain::ports::{Clock, ConnectionEpoch};
use shuttle::sync::{Condvar, Mutex};
use shuttle::thread;
use std::time::Duration;

use super::{at_random, with_few_switches};
use crate::caching::near_cache::{Kept, NearCache, Ticket};
use crate::caching::test_users::{id, user};

/// One key of a server, and the connections that it pushes to.
#[derive(Default)]
struct Server {
    version: u64,
    /// Whether the connection has read the key since it changed last.
    tracked: bool,
    connection: u64,
    /// What is on its way to the client, in order.
    wire: VecDeque<Message>,
    closed: bool,
}

enum Message {
    Connected(u64),
    Reply {
        connection: u64,
        version: u64,
        ticket: Ticket,
    },
    Changed,
    AllChanged,
    Disconnected,
}

#[derive(Default)]
struct World {
    server: Mutex<Server>,
    arrived: Condvar,
    /// Replies that the reader of the connection has handed out.
    replies: Mutex<VecDeque<(u64, u64, Ticket)>>,
}

impl World {
    fn send(&self, act: impl FnOnce(&mut Server)) {
        act(&mut self.server.lock().unwrap());
        self.arrived.notify_all();
    }

    /// Asks for the key; the reply comes by the wire.
    fn get(&self, near: &NearCache) {
        let ticket = near.ticket(id(1));
        self.send(|server| {
            server.tracked = true;
            server.wire.push_back(Message::Reply {
                connection: server.connection,
                version: server.version,
                ticket,
            });
        });
    }

    fn set(&self) {
        self.send(|server| {
            server.version += 1;
            if std::mem::take(&mut server.tracked) {
                server.wire.push_back(Message::Changed);
            }
        });
    }

    /// The data is another's from now on; the connection stays.
    fn replace_data(&self) {
        self.send(|server| {
            server.version += 10;
            server.tracked = false;
            server.wire.push_back(Message::AllChanged);
        });
    }

    fn reconnect(&self) {
        self.send(|server| {
            server.tracked = false;
            server.connection += 1;
            server.wire.push_back(Message::Disconnected);
            server.wire.push_back(Message::Connected(server.connection));
        });
    }

    /// The reader of the connection: pushes are handled before anything behind them is read.
    fn read(&self, near: &NearCache) {
        loop {
            let mut server = self.server.lock().unwrap();
            let message = loop {
                if let Some(message) = server.wire.pop_front() {
                    break message;
                }
                if server.closed {
                    return;
                }
                server = self.arrived.wait(server).unwrap();
            };
            drop(server);
            match message {
                Message::Connected(connection) => near.connected(ConnectionEpoch(connection)),
                Message::Changed => near.changed(id(1)),
                Message::AllChanged => near.void(),
                Message::Disconnected => near.disconnected(),
                Message::Reply {
                    connection,
                    version,
                    ticket,
                } => self
                    .replies
                    .lock()
                    .unwrap()
                    .push_back((connection, version, ticket)),
            }
        }
    }

    /// A caller takes one reply, some time after it came.
    fn take(&self, near: &NearCache) {
        let reply = self.replies.lock().unwrap().pop_front();
        if let Some((connection, version, ticket)) = reply {
            let content = Kept::User(user(1, version));
            let connection = ConnectionEpoch(connection);
            near.insert(id(1), ticket, connection, content, Duration::from_secs(60));
        }
    }
}

fn race() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let near = Arc::new(NearCache::tracked(1 << 20, clock));
    let world = Arc::new(World::default());
    world.reconnect();
    let reader = {
        let (world, near) = (Arc::clone(&world), Arc::clone(&near));
        thread::spawn(move || world.read(&near))
    };
    let callers = (0..2).map(|_| {
        let (world, near) = (Arc::clone(&world), Arc::clone(&near));
        thread::spawn(move || {
            for _ in 0..2 {
                world.get(&near);
                thread::yield_now();
                world.take(&near);
            }
        })
    });
    let mut others: Vec<_> = callers.collect();
    let disturber = Arc::clone(&world);
    others.push(thread::spawn(move || {
        disturber.set();
        disturber.reconnect();
        disturber.set();
        disturber.replace_data();
        disturber.set();
    }));
    for other in others {
        other.join().unwrap();
    }
    world.send(|server| server.closed = true);
    reader.join().unwrap();
    while !world.replies.lock().unwrap().is_empty() {
        world.take(&near);
    }
    // Quiet: what the process keeps is what the server holds.
    if let Some(hit) = near.get(id(1)) {
        let kept = hit.content.floor().get();
        assert_eq!(kept, world.server.lock().unwrap().version);
    }
}

#[test]
fn explored_the_guard_keeps_nothing_stale_in_random_schedules() {
    at_random(race, 2_000);
}

#[test]
fn explored_the_guard_keeps_nothing_stale_in_schedules_of_few_switches() {
    with_few_switches(race, 2_000, 4);
}
