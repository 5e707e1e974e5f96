//! Commands on their way out, against the simplest model of them.

use enet_wire::CommandKind;

use super::*;
use enet_wire::Body;
use proptest::prelude::*;
use std::vec::Vec;

fn queued(seq: u16, control: bool) -> Queued {
    let body = if control {
        QueuedBody::Control(Body::Ping)
    } else {
        QueuedBody::Reliable((&[0; 10][..usize::from(seq % 11)]).into())
    };
    let channel = if control { ChannelId::CONTROL } else { ChannelId::new(0) };
    let len = body.next_len();
    Queued::new(3, channel, ReliableSeq(seq), 0, len, body)
}

fn departure(now: u32, timeout: u32) -> Departure {
    Departure { at: Millis(now), micros: 0, timeout, repeats: 0, insured: 0 }
}

/// A connection's lists and the host's commands.
struct World {
    outgoing: Outgoing,
    commands: Commands,
}

impl World {
    fn new() -> Self {
        World { outgoing: Outgoing::default(), commands: Commands::new() }
    }

    fn send(&mut self, seq: u16, control: bool, now: u32, timeout: u32) {
        let World { outgoing, commands } = self;
        outgoing.queue(queued(seq, control), commands);
        if control {
            outgoing.send_control(departure(now, timeout), commands);
        } else {
            let sent = outgoing.send_data(departure(now, timeout), commands);
            assert_eq!(sent, Some((ChannelId::new(0), ReliableSeq(seq))));
        }
    }

    fn order(&self, list: &List) -> Vec<u16> {
        self.commands.lists.iter(list).map(|sent| sent.seq.0).collect()
    }
}

/// The same in the simplest way: three vectors of numbers.
#[derive(Default)]
struct Model {
    in_flight: Vec<u16>,
    control: Vec<u16>,
    data: Vec<u16>,
}

proptest! {
    #[test]
    fn commands_stand_where_the_model_has_them(
        ops in prop::collection::vec((0u8..5, any::<bool>(), any::<prop::sample::Index>(), 10u32..60, 0u32..30), 1..300),
    ) {
        let mut world = World::new();
        let mut model = Model::default();
        let (mut now, mut seq) = (1_000u32, 0u16);
        let mut known: Vec<(u16, bool, u32, u32)> = Vec::new();
        for (op, control, pick, timeout, wait) in ops {
            now += wait;
            match op {
                0 | 1 => {
                    seq += 1;
                    world.send(seq, control, now, timeout);
                    known.push((seq, control, now, timeout));
                    model.in_flight.push(seq);
                }
                2 if !known.is_empty() => {
                    // The oldest half of the time, as on a good network.
                    let oldest = model.in_flight.first().and_then(|seq| known.iter().position(|it| it.0 == *seq));
                    let any = pick.index(known.len());
                    let (seq, control, ..) = known.remove(oldest.filter(|_| wait % 2 == 0).unwrap_or(any));
                    let channel = if control { ChannelId::CONTROL } else { ChannelId::new(0) };
                    let World { outgoing, commands } = &mut world;
                    let taken = outgoing.acknowledge(3, channel, ReliableSeq(seq), commands);
                    let kind = if control { CommandKind::Ping } else { CommandKind::SendReliable };
                    prop_assert_eq!(taken.map(|found| found.kind), Some(kind));
                    prop_assert!(outgoing.acknowledge(3, channel, ReliableSeq(seq), commands).is_none());
                    for list in [&mut model.in_flight, &mut model.control, &mut model.data] {
                        list.retain(|other| *other != seq);
                    }
                }
                3 => {
                    let World { outgoing, commands } = &mut world;
                    let next = if control { outgoing.retry_control } else { outgoing.retry_data }.first();
                    let list = if control { &mut model.control } else { &mut model.data };
                    let found = next.and_then(|key| commands.get(key)).map(|sent| sent.seq.0);
                    prop_assert_eq!(found, list.first().copied());
                    if let (Some(key), Some(seq)) = (next, found) {
                        list.remove(0);
                        outgoing.resend(key, departure(now, 0), commands);
                        model.in_flight.push(seq);
                        known.iter_mut().find(|entry| entry.0 == seq).unwrap().2 = now;
                    }
                }
                4 => {
                    let World { outgoing, commands } = &mut world;
                    let due = outgoing.deadline(commands).is_some_and(|deadline| deadline.0 <= now);
                    prop_assert!(!outgoing.expire(Millis(now), commands, |sent| Expiry::Resend(sent.timeout)));
                    if due {
                        let entry = |seq: &u16| *known.iter().find(|entry| entry.0 == *seq).unwrap();
                        let expired = |seq: &u16| entry(seq).2 + entry(seq).3 <= now;
                        let (gone, kept): (Vec<u16>, Vec<u16>) = model.in_flight.iter().partition(|seq| expired(seq));
                        model.in_flight = kept;
                        let (control, data): (Vec<u16>, Vec<u16>) = gone.iter().partition(|seq| entry(seq).1);
                        model.control.splice(0..0, control);
                        model.data.splice(0..0, data);
                    }
                }
                _ => {}
            }
            prop_assert_eq!(world.order(&world.outgoing.in_flight), model.in_flight.clone());
            prop_assert_eq!(world.order(&world.outgoing.retry_control), model.control.clone());
            prop_assert_eq!(world.order(&world.outgoing.retry_data), model.data.clone());
            prop_assert_eq!(world.commands.len(), known.len());
            prop_assert_eq!(u64::from(world.outgoing.bytes()), world.outgoing.recount(&world.commands));
        }
        world.outgoing.clear(&mut world.commands);
        prop_assert_eq!(world.commands.len(), 0);
    }
}

#[test]
fn only_the_oldest_transmission_s_deadline_opens_the_gate() {
    let mut world = World::new();
    world.send(1, false, 0, 1_000);
    world.send(2, false, 0, 30);
    let World { outgoing, commands } = &mut world;
    outgoing.expire(Millis(500), commands, |_| Expiry::Resend(60));
    assert!(outgoing.is_empty());
    outgoing.expire(Millis(1_000), commands, |_| Expiry::Resend(60));
    assert_eq!(outgoing.count(commands), (0, 2));
}

#[test]
fn a_command_waiting_to_go_out_takes_two_cache_lines() {
    assert!(size_of::<Queued>() <= 128, "{}", size_of::<Queued>());
}
