//! Switching one stage off leaves what the others decide as it was.

use super::super::{Copy, DropReason};
use super::{MS, link, network, send_many};
use crate::scenario::link::{Corrupt, Delay, Duplicate, LinkSpec, Loss};

/// Everything at once, but for queues and for the order of arrival: there datagrams do have to do with each other.
fn everything() -> LinkSpec {
    link(
        "mtu = { bytes = 50, from = '1s', until = '1.4s' }
         loss = { kind = 'burst', enter = '10%', leave = '30%', lost-good = '2%', lost-bad = '80%' }
         drop = [{ chance = '15%' }]
         corrupt = { chance = '20%' }
         duplicate = { chance = '20%', copies = 2, within = '3s' }
         delay = { base = '9ms', jitter = '9ms', shape = 'normal', correlation = '30%', reorder = true,
                   spike = { chance = '10%', by = '1s' } }",
    )
}

const STAGES: [fn(&mut LinkSpec); 7] = [
    |link| link.mtu = None,
    |link| link.loss = Loss::None,
    |link| link.drop.clear(),
    |link| link.corrupt = Corrupt::default(),
    |link| link.duplicate = Duplicate::default(),
    |link| link.delay = Delay { spike: link.delay.spike, reorder: true, ..Delay::default() },
    |link| link.delay.spike = None,
];

/// What was dropped with only this stage switched on, so that its decisions are seen undisturbed.
fn alone(stage: usize) -> Vec<bool> {
    let others: Vec<usize> = (0..STAGES.len()).filter(|other| *other != stage).collect();
    let run = send_many(&mut network(5, without(&others)), 3_000, MS);
    run.iter().map(|sent| sent.fate.dropped.is_some()).collect()
}

fn without(off: &[usize]) -> LinkSpec {
    let mut link = everything();
    for stage in off {
        STAGES[*stage](&mut link);
    }
    link
}

#[test]
fn each_stage_drops_the_same_with_and_without_any_other() {
    let stages = [(0, DropReason::Mtu), (1, DropReason::Loss), (2, DropReason::Scripted)];
    for (stage, reason) in stages {
        let alone = alone(stage);
        for off in (0..STAGES.len()).filter(|off| *off != stage) {
            let run = send_many(&mut network(5, without(&[off])), 3_000, MS);
            let mut hits = 0;
            for (sent, dropped) in run.iter().zip(&alone) {
                // A stage before it may have been quicker.
                let quicker = sent.fate.dropped.is_some_and(|quicker| quicker < reason);
                assert!(quicker || (sent.fate.dropped == Some(reason)) == *dropped, "{stage} without {off}");
                hits += u32::from(sent.fate.dropped == Some(reason));
            }
            assert!(hits > 100, "{stage} without {off}: {hits}");
        }
    }
}

/// For each pair: the same datagrams with both stages on and with one of them off. Whatever arrives both times was
/// damaged, doubled and delayed alike, but for what the stage itself had done.
#[test]
fn what_arrives_is_the_same_with_and_without_any_other_stage() {
    for off in 0..STAGES.len() {
        for other in (0..STAGES.len()).filter(|other| *other != off) {
            let one = send_many(&mut network(5, without(&[other])), 3_000, MS);
            let both = send_many(&mut network(5, without(&[other, off])), 3_000, MS);
            let mut compared = 0;
            for (one, both) in one.iter().zip(&both) {
                if one.fate.dropped.is_some() || both.fate.dropped.is_some() {
                    let stages_that_drop = 0..=2;
                    assert!(stages_that_drop.contains(&off) || one.fate.dropped == both.fate.dropped);
                    continue;
                }
                compared += 1;
                match off {
                    3 => {
                        let when = |copies: &[Copy]| copies.iter().map(|copy| copy.at).collect::<Vec<_>>();
                        assert_eq!(when(&one.copies), when(&both.copies));
                    }
                    4 => assert_eq!(one.copies[0], both.copies[0]),
                    5 | 6 => {
                        assert_eq!(one.copies[0].bytes, both.copies[0].bytes);
                        let spread = |copies: &[Copy]| {
                            copies.iter().map(|copy| copy.at - copies[0].at).collect::<Vec<_>>()
                        };
                        assert_eq!(spread(&one.copies), spread(&both.copies));
                    }
                    _ => assert_eq!(one.copies, both.copies, "without {off} and {other}"),
                }
            }
            assert!(compared > 1_000, "{compared}");
        }
    }
}

#[test]
fn jitter_and_spikes_do_not_know_of_each_other() {
    let takes = |link: LinkSpec| {
        let run = send_many(&mut network(5, link), 3_000, MS);
        run.iter().map(|sent| (sent.fate.arrives - sent.at).0).collect::<Vec<_>>()
    };
    let with = takes(without(&[0, 1, 2, 3, 4]));
    let without_spikes = takes(without(&[0, 1, 2, 3, 4, 6]));
    let spiked = with.iter().zip(&without_spikes).filter(|(with, without)| with != without).count();
    assert!((200..400).contains(&spiked), "{spiked}");
    for (with, without) in with.iter().zip(&without_spikes) {
        assert!(with == without || *with == without + 1_000_000_000);
    }
}

#[test]
fn one_direction_does_not_know_of_the_other() {
    let quiet = send_many(&mut network(5, everything()), 500, MS);
    let mut busy = network(5, everything());
    let mut out = Vec::new();
    for number in 0..700 {
        busy.send(super::ms(0), 0, super::hosts(3)[number % 3], b"noise", &mut out);
        busy.send(super::ms(0), 2, super::hosts(3)[0], b"noise", &mut out);
    }
    assert_eq!(send_many(&mut busy, 500, MS), quiet);
}
