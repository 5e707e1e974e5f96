//! Tests of the text form, of what makes sense, and of the bounds.

use super::*;

fn complaint(text: &str) -> String {
    toml::from_str::<LinkSpec>(text).unwrap().validate().unwrap_err()
}

#[test]
fn the_perfect_link_is_written_as_nothing() {
    assert_eq!(toml::to_string(&LinkSpec::default()).unwrap(), "");
    assert!(LinkSpec::default().is_clean());
    assert!(LinkSpec::delayed(Span::from_secs(1)).is_clean());
}

#[test]
fn an_unknown_word_is_refused() {
    for text in [
        "los = { kind = 'random', chance = '1%' }",
        "loss = { kind = 'random', chance = '1%', every = 3 }",
        "loss = { kind = 'sometimes' }",
        "delay = { bass = '1ms' }",
        "mtu = { from = '1s' }",
        "corrupt = { chance = '1%', damage = ['scratch'] }",
    ] {
        assert!(toml::from_str::<LinkSpec>(text).is_err(), "{text}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason() {
    assert!(complaint("loss = { kind = 'periodic', every = 0 }").contains("at least 1"));
    assert!(complaint("loss = { kind = 'periodic', every = 3, offset = 3 }").contains("offset"));
    assert!(complaint("loss = { kind = 'burst', enter = '1%', leave = '0%' }").contains("never ends"));
    assert!(complaint("drop = [{ nth = [0] }]").contains("counts from 1"));
    assert!(complaint("duplicate = { chance = '1%', copies = 6 }").contains("1 to 5"));
    assert!(complaint("duplicate = { chance = '1%', within = '61s' }").contains("1min"));
    assert!(complaint("rate = { rate = '0bit', queue = 1 }").contains("carries nothing"));
    assert!(complaint("delay = { base = '1ms', gap = { every = 2, early = '2ms' } }").contains("early"));
    assert!(complaint("delay = { base = '1ms', gap = { every = 1, early = '1ms' } }").contains("every"));
}

#[test]
fn each_kind_of_fault_is_counted_once() {
    let text = "mtu = { bytes = 1200 }
                loss = { kind = 'random', chance = '5%' }
                drop = [{ command = 'verify-connect', nth = [1] }, { command = 'ping' }]
                corrupt = { chance = '1%', damage = ['flip', 'splice'] }
                duplicate = { chance = '5%', copies = 2, within = '10s' }
                rate = { rate = '2mbit', queue = 64000, drop = 'head' }
                bottleneck = 0
                delay = { base = '40ms', jitter = '10ms', reorder = true, spike = { chance = '1%', by = '1s' } }";
    let link: LinkSpec = toml::from_str(text).unwrap();
    assert_eq!(link.faults(), 10);
    assert!(!link.is_clean());
    assert_eq!(link.healed().faults(), 2, "the rate and the bottleneck stay");
    assert_eq!(link.delay_bound(), Span::from_millis(1_050));
    assert_eq!(link.delay_floor(), Span::from_millis(40));
}

#[test]
fn every_command_has_a_name_and_a_kind() {
    for number in 1..=12 {
        let kind = CommandKind::from_number(number).unwrap();
        let names = [
            CommandName::Acknowledge,
            CommandName::Connect,
            CommandName::VerifyConnect,
            CommandName::Disconnect,
            CommandName::Ping,
            CommandName::SendReliable,
            CommandName::SendUnreliable,
            CommandName::SendFragment,
            CommandName::SendUnsequenced,
            CommandName::BandwidthLimit,
            CommandName::ThrottleConfigure,
            CommandName::SendUnreliableFragment,
        ];
        assert_eq!(names.iter().filter(|name| name.kind() == kind).count(), 1);
    }
}

#[test]
fn a_rate_is_written_short_and_read_back() {
    for (bits, text) in
        [(64_000, "64kbit"), (1_500, "1.5kbit"), (1_234_567, "1234.567kbit"), (7, "7bit"), (0, "0bit")]
    {
        assert_eq!(Rate(bits).to_string(), text);
        assert_eq!(text.parse(), Ok(Rate(bits)));
    }
    for wrong in ["12", "mbit", "1.2.3mbit", "99999999999gbit", "1 parsec"] {
        assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
    }
}
