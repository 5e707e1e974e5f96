//! What a host compresses is less on the wire, in each of the modes that Godot has.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it is a test

mod common;

use common::{config, connect, serve};
use enet_compress::{Compressor, FastLz, RangeCoder, Zlib};
use enet_mio::{ConnectOptions, Event, Packet, Service};

/// What a client sends to have a page of text delivered ten times.
fn sent(compressor: fn() -> Option<Box<dyn Compressor>>) -> u64 {
    const PAGES: usize = 10;
    let page = "entity 17 moves to 3, 5; entity 18 moves to 3, 6; ".repeat(20);
    let [mut server, mut client] = [0, 1].map(|_| {
        let mut config = config();
        config.compressor = compressor();
        Service::bind("127.0.0.1:*", config).unwrap()
    });
    let (_, peer) = connect(&mut server, &mut client, ConnectOptions::default());
    client.take_stats();
    for _ in 0..PAGES {
        client.peer_mut(peer).unwrap().send(0, Packet::unsequenced(page.clone())).unwrap();
    }
    client.flush();
    let sent = client.stats().bytes_sent;
    let mut arrived = 0;
    serve([&mut server, &mut client], |host, _, event| {
        assert!(
            matches!(&event, Event::Received { packet, .. } if packet[..] == *page.as_bytes()),
            "{event:?}"
        );
        arrived += usize::from(host == 0);
        arrived == PAGES
    });
    sent
}

#[test]
fn every_mode_but_none_sends_less_and_all_arrives() {
    let plain = sent(|| None);
    assert!(plain > 10 * 1_000, "{plain}");
    let range = sent(|| Some(RangeCoder::boxed()));
    let fastlz = sent(|| Some(Box::new(FastLz::new())));
    let zlib = sent(|| Some(Box::new(Zlib::new())));
    assert!([range, fastlz, zlib].iter().all(|sent| *sent < plain / 4), "{plain}: {range} {fastlz} {zlib}");
    #[cfg(target_os = "linux")]
    {
        let zstd = sent(|| Some(Box::new(enet_compress::Zstd::new())));
        assert!(zstd < plain / 4, "{plain}: {zstd}");
    }
}
