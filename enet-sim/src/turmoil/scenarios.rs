//! Whole-host faults: each [`Scenario`] does something to hosts and links, and says what must come of it.

use core::time::Duration;

use enet_proto::DisconnectReason::TimedOut;

use super::lab::{Lab, Setup};
use super::life::Life;
use super::record::{Talkers, What};
use super::report::Report;
use crate::Chance;
use crate::scenario::LinkSpec;
use crate::scenario::link::{Duplicate, Loss};

/// A scenario; `run` plays it.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// To call it by.
    pub name: &'static str,
    /// What a good run looks like.
    pub good: &'static str,
    /// Plays it with a seed; with the same seed, the same happens.
    pub run: fn(u64) -> Report,
}

/// All of them.
pub const SCENARIOS: [Scenario; 8] = [
    Scenario {
        name: "server-crash",
        good: "The client notices the crash by a timeout, and finds the restarted server at the same address.",
        run: server_crash,
    },
    Scenario {
        name: "short-partition",
        good: "No way in either direction for less than the timeout: the connection lives, and all arrives afterwards.",
        run: short_partition,
    },
    Scenario {
        name: "long-partition",
        good: "No way in either direction for long: both sides time out, and the client connects anew once it can.",
        run: long_partition,
    },
    Scenario {
        name: "short-one-way-partition",
        good: "First one direction fails, later the other, each for less than the timeout: as if nothing had happened.",
        run: short_one_way_partition,
    },
    Scenario {
        name: "long-one-way-partition",
        good: "The server is not heard for long, but hears: both sides time out, and one connection stands in the end.",
        run: long_one_way_partition,
    },
    Scenario {
        name: "hold",
        good: "What is under way stands still and then arrives at once: no datagram and no message is lost.",
        run: hold,
    },
    Scenario {
        name: "client-restart",
        good: "A restarted client, at its old address, is let in while the server still waits for its former self.",
        run: client_restart,
    },
    Scenario {
        name: "eight-clients",
        good: "Bursts lose 5% of all datagrams, and one of eight clients crashes: only that one is missed, and no message.",
        run: eight_clients,
    },
];

/// What ENet cannot do, and so `Profile::Compat` cannot: the server is speaking to a client that crashes and comes back.
/// Both connections have the same two addresses and, since a new slot begins with session 0, the same session bits
/// (PROTOCOL.md §6.4); in ENet also the same name at the client, its slot, and what the server repeats on the former
/// connection is taken for the new one's. `Profile::Modern`'s random names tell them apart.
pub const RESTART_WHILE_SPOKEN_TO: Scenario = Scenario {
    name: "restart-while-spoken-to",
    good: "The restarted client receives nothing that was meant for its former self.",
    run: restart_while_spoken_to,
};

const SEC: Duration = Duration::from_secs(1);

const SERVER: u8 = 0;
const CLIENT: u8 = 1;

/// ENet gives up after at least 5 and at most 30 seconds without an acknowledgement. It notices when a retransmission is
/// due; with 20 messages a second that is soon.
const EARLIEST_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(31);
/// What is under way when a host crashes may have been sent this much earlier.
const UNDER_WAY: Duration = Duration::from_millis(100);
/// Shorter than any timeout.
const SHORT: Duration = Duration::from_secs(4);
/// An attempt to connect repeats itself after up to 8 seconds, and is followed by another after 31.
const RECONNECT: Duration = Duration::from_secs(40);
/// Talk, at the end of which all that was lost before has been sent again.
const TALK: Duration = Duration::from_secs(3);
/// The silence in which the last retransmissions happen.
const QUIET: Duration = Duration::from_secs(5);

/// One client and a network without loss.
fn pair(name: &'static str, seed: u64) -> Lab {
    let mut lab = Lab::new(Setup { name, seed, clients: 1, link: LinkSpec::default() });
    lab.wait(SEC, "the client connects", connects(CLIENT, 0));
    lab.wait(SEC, "the server has it", connects(SERVER, 0));
    lab.run(TALK);
    lab
}

/// After some more talk everyone falls silent, and what was sent must have arrived.
fn end(mut lab: Lab, connections: usize) -> Report {
    lab.run(TALK);
    lab.let_talk(Talkers::Nobody);
    lab.run(QUIET);
    lab.check(lab.open_ends() == 2 * connections, "each connection is there, at both ends");
    let (sent, delivered) = lab.reliable();
    lab.check(sent > 0 && sent == delivered, "each reliable message of the connections that live arrived");
    lab.finish()
}

/// The same, and no connection was ever lost.
fn end_undisturbed(mut lab: Lab) -> Report {
    lab.run(TALK);
    lab.check(lab.count(disconnects) == 0, "nobody loses the connection");
    end(lab, 1)
}

fn server_crash(seed: u64) -> Report {
    let mut lab = pair("server-crash", seed);
    lab.crash(SERVER);
    let crashed = lab.now();
    let noticed = lab.wait(TIMEOUT, "the client times out", times_out(CLIENT, 0));
    lab.check(noticed + UNDER_WAY >= crashed + EARLIEST_TIMEOUT, "it is patient before that");
    lab.run(SEC);
    lab.bounce(SERVER);
    lab.wait(RECONNECT, "the restarted server gets a connection", connects(SERVER, 1));
    end(lab, 1)
}

fn short_partition(seed: u64) -> Report {
    let mut lab = pair("short-partition", seed);
    lab.partition(SERVER, CLIENT);
    lab.run(SHORT);
    lab.repair(SERVER, CLIENT);
    end_undisturbed(lab)
}

fn long_partition(seed: u64) -> Report {
    let mut lab = pair("long-partition", seed);
    lab.partition(SERVER, CLIENT);
    lab.wait(TIMEOUT, "the client times out", times_out(CLIENT, 0));
    lab.wait(TIMEOUT, "the server times out", times_out(SERVER, 0));
    lab.repair(SERVER, CLIENT);
    lab.wait(RECONNECT, "the client connects again", connects(CLIENT, 0));
    end(lab, 1)
}

fn short_one_way_partition(seed: u64) -> Report {
    let mut lab = pair("short-one-way-partition", seed);
    for (from, to) in [(CLIENT, SERVER), (SERVER, CLIENT)] {
        lab.partition_one_way(from, to);
        lab.run(SHORT);
        lab.repair(SERVER, CLIENT);
        lab.run(TALK);
    }
    end_undisturbed(lab)
}

fn long_one_way_partition(seed: u64) -> Report {
    let mut lab = pair("long-one-way-partition", seed);
    lab.partition_one_way(CLIENT, SERVER);
    lab.wait(TIMEOUT, "the server times out", times_out(SERVER, 0));
    lab.wait(TIMEOUT, "the client, who hears but is not heard, times out", times_out(CLIENT, 0));
    lab.repair(SERVER, CLIENT);
    lab.wait(RECONNECT, "the client connects again", connects(CLIENT, 0));
    end(lab, 1)
}

fn hold(seed: u64) -> Report {
    let mut lab = pair("hold", seed);
    lab.hold(SERVER, CLIENT);
    lab.run(SHORT);
    let sent = lab.datagrams().sent;
    lab.release(SERVER, CLIENT);
    lab.run(SEC);
    lab.check(lab.datagrams().arrived >= sent, "each datagram that was held has arrived");
    end_undisturbed(lab)
}

fn client_restart(seed: u64) -> Report {
    let mut lab = pair("client-restart", seed);
    // See RESTART_WHILE_SPOKEN_TO for what comes of it when the server has something to say to the former client.
    lab.let_talk(Talkers::Clients);
    lab.run(SEC);
    restart_client(lab)
}

fn restart_while_spoken_to(seed: u64) -> Report {
    restart_client(pair(RESTART_WHILE_SPOKEN_TO.name, seed))
}

/// The restarted client's connection stands; the server's older one, to the same address, ends by a timeout.
fn restart_client(mut lab: Lab) -> Report {
    lab.crash(CLIENT);
    lab.run(SEC);
    lab.bounce(CLIENT);
    lab.wait(SEC, "the restarted client connects", connects(CLIENT, 1));
    lab.check(lab.count(disconnects) == 0, "the server still waits for the former one");
    lab.wait(TIMEOUT, "the server gives the former one up", times_out(SERVER, 0));
    lab.let_talk(Talkers::All);
    lab.run(TIMEOUT);
    lab.check(lab.count(disconnects) == 1, "nothing else ends");
    end(lab, 1)
}

fn eight_clients(seed: u64) -> Report {
    // One line in sixteen is in a bad state, for three datagrams on average, and loses most of them.
    let (enter, leave) = (Chance::percent(2), Chance::percent(30));
    let loss = Loss::Burst { enter, leave, lost_good: Chance::NEVER, lost_bad: Chance::percent(80) };
    let duplicate = Duplicate { chance: Chance::percent(2), ..Duplicate::default() };
    let link = LinkSpec { loss, duplicate, ..LinkSpec::default() };
    let mut lab = Lab::new(Setup { name: "eight-clients", seed, clients: 8, link });
    for client in 1..=8 {
        lab.wait(20 * SEC, "each client connects", connects(client, 0));
    }
    lab.run(TALK);
    lab.crash(3);
    lab.wait(TIMEOUT, "the server misses the client that crashed", times_out(SERVER, 0));
    lab.check(lab.count(disconnects) == 1, "it misses nobody else, and nobody misses it");
    let datagrams = lab.datagrams();
    lab.check(
        (20..100).contains(&(datagrams.lost * 1000 / datagrams.sent)),
        "about 5% of the datagrams are lost",
    );
    end(lab, 7)
}

/// The host `host` in its life `life` (from 0) gets a connection.
fn connects(host: u8, life: u8) -> impl Fn(&What) -> bool {
    move |what| matches!(what, What::Connected(of, _) if *of == Life { host, life })
}

/// It loses one for want of acknowledgements.
fn times_out(host: u8, life: u8) -> impl Fn(&What) -> bool {
    move |what| matches!(what, What::Disconnected(of, _, TimedOut) if *of == Life { host, life })
}

fn disconnects(what: &What) -> bool {
    matches!(what, What::Disconnected(..))
}
