//! A host, datagrams of any bytes from a few addresses, and a clock that steps.

use arbitrary::{Arbitrary, Result, Unstructured};
use enet_wire::Header;

use crate::remote::{Remote, seal};
use crate::subject::{Setup, Subject};
use crate::values::Pause;

/// Datagrams of any bytes, as they are or with a header, a checksum or a compression that gets them past the door, and time between
/// them. Nothing panics, the host's books balance after every datagram, and the same input gives the same output.
pub fn host_datagrams(data: &[u8]) {
    let first = play(data);
    // Every eighth: determinism is seldom lost in one place only.
    if data.len().is_multiple_of(8) {
        assert_eq!(first, play(data), "the same input, another output");
    }
}

fn play(data: &[u8]) -> Option<u64> {
    let mut input = Unstructured::new(data);
    let setup = Setup::read(&mut input).ok()?;
    let mut subject = Subject::new(&setup);
    let mut remotes = [0, 1, 2, 3].map(Remote::new);
    let _ = script(&mut input, &setup, &mut subject, &mut remotes); // an input that ends early is a short one
    subject.settle();
    Some(subject.hash)
}

fn script(
    input: &mut Unstructured<'_>,
    setup: &Setup,
    subject: &mut Subject,
    remotes: &mut [Remote; 4],
) -> Result<()> {
    while !input.is_empty() {
        let step = input.arbitrary::<u8>()?;
        match step >> 5 {
            0 => subject.wait(Pause::arbitrary(input)?.0),
            1 => {
                subject.settle();
                for sent in subject.sent.drain(..) {
                    let remote = remotes.iter_mut().find(|remote| remote.address == sent.to);
                    if let (Some(remote), Some(opened)) = (remote, &sent.opened) {
                        remote.hears(opened);
                    }
                }
            }
            how => {
                let remote = &remotes[usize::from(step & 3)];
                let len = usize::from(input.arbitrary::<u8>()?);
                // Now and then longer than any datagram may be.
                let len = if len >= 240 { (len - 239) * 300 } else { len };
                let body = input.bytes(len.min(input.len()))?;
                let header = Header { compressed: step & 16 != 0, ..remote.header_at(subject.clock()) };
                let datagram = match how {
                    2 => body.to_vec(),
                    // As a stranger.
                    3 => {
                        let header = Header {
                            compressed: header.compressed,
                            sent_time: header.sent_time,
                            ..Header::default()
                        };
                        seal(header, [0; 4], body, setup.checksum())
                    }
                    _ => seal(header, remote.connect_id, body, setup.checksum()),
                };
                subject.hears(remote.address, &datagram);
            }
        }
    }
    Ok(())
}
