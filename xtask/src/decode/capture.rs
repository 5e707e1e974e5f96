//! [`frames`]: the UDP datagrams of a pcap or pcapng file.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A UDP datagram, with what its file says of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Frame {
    /// Seconds, since 1970 or since the start of a simulation.
    pub(super) at: Option<f64>,
    pub(super) way: Option<(SocketAddr, SocketAddr)>,
    pub(super) datagram: Vec<u8>,
}

/// Reads numbers in the byte order of whoever wrote the file.
#[derive(Clone, Copy)]
struct Order {
    is_big: bool,
}

impl Order {
    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(if self.is_big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(if self.is_big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }
}

/// The datagrams of a capture, up to where it is cut off; `None` if the file is none.
pub(super) fn frames(file: &[u8]) -> Option<Vec<Frame>> {
    match file.first_chunk()? {
        [0x0a, 0x0d, 0x0d, 0x0a] => Some(of_pcapng(file)),
        [0xa1, 0xb2, 0xc3, 0xd4] => Some(of_pcap(file, Order { is_big: true }, 1e-6)),
        [0xd4, 0xc3, 0xb2, 0xa1] => Some(of_pcap(file, Order { is_big: false }, 1e-6)),
        [0xa1, 0xb2, 0x3c, 0x4d] => Some(of_pcap(file, Order { is_big: true }, 1e-9)),
        [0x4d, 0x3c, 0xb2, 0xa1] => Some(of_pcap(file, Order { is_big: false }, 1e-9)),
        _ => None,
    }
}

/// A header of 24 bytes, then records: seconds, fractions of `unit`, length here, length there.
fn of_pcap(file: &[u8], order: Order, unit: f64) -> Vec<Frame> {
    let mut frames = Vec::new();
    let link = order.u32(file, 20).unwrap_or(0) & 0xffff;
    let mut rest = file.get(24..).unwrap_or_default();
    while let (Some(seconds), Some(fraction), Some(len)) =
        (order.u32(rest, 0), order.u32(rest, 4), order.u32(rest, 8))
    {
        let Some(packet) = rest.get(16..).and_then(|rest| rest.get(..len as usize)) else { break };
        let at = f64::from(seconds) + f64::from(fraction) * unit;
        frames.extend(frame(link, packet, at));
        rest = &rest[16 + packet.len()..];
    }
    frames
}

/// Blocks: type, length, body, length. Those of interfaces say what begins a packet, and in what it counts time.
fn of_pcapng(file: &[u8]) -> Vec<Frame> {
    let mut order = Order { is_big: false };
    let (mut interfaces, mut frames) = (Vec::new(), Vec::new());
    let mut rest = file;
    loop {
        let is_section = rest.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]);
        if is_section {
            order.is_big = rest.get(8..12) == Some(&[0x1a, 0x2b, 0x3c, 0x4d]);
            interfaces.clear();
        }
        let Some(len) = order.u32(rest, 4).filter(|len| *len >= 12) else { break };
        let Some(block) = rest.get(..len as usize) else { break };
        let body = &block[8..block.len() - 4];
        match order.u32(rest, 0) {
            Some(1) => interfaces.push((u32::from(order.u16(body, 0).unwrap_or(0)), unit(order, body))),
            Some(6) => frames.extend(enhanced(order, body, &interfaces)),
            _ => {}
        }
        rest = &rest[block.len()..];
    }
    frames
}

/// The unit of an interface's time, in seconds: the option 9, or microseconds.
fn unit(order: Order, interface: &[u8]) -> f64 {
    let mut options = interface.get(8..).unwrap_or_default();
    while let (Some(code), Some(len)) = (order.u16(options, 0), order.u16(options, 2)) {
        let value = options.get(4).copied();
        match (code, value) {
            (0, _) => break,
            (9, Some(power @ 0..0x80)) => return 10_f64.powi(-i32::from(power)),
            (9, Some(power)) => return 2_f64.powi(-i32::from(power & 0x7f)),
            _ => options = options.get(4 + usize::from(len).next_multiple_of(4)..).unwrap_or_default(),
        }
    }
    1e-6
}

/// An enhanced packet: interface, time in two halves, length here, length there, bytes.
fn enhanced(order: Order, body: &[u8], interfaces: &[(u32, f64)]) -> Option<Frame> {
    let (link, unit) = interfaces.get(order.u32(body, 0)? as usize)?;
    let ticks = u64::from(order.u32(body, 4)?) << 32 | u64::from(order.u32(body, 8)?);
    let packet = body.get(20..)?.get(..order.u32(body, 12)? as usize)?;
    frame(*link, packet, ticks as f64 * unit)
}

/// What is behind the headers of the link, of IP and of UDP; `None` if it is something else, or a fragment.
fn frame(link: u32, packet: &[u8], at: f64) -> Option<Frame> {
    let network = Order { is_big: true };
    let ip = match link {
        0 | 108 => packet.get(4..)?, // loopback of BSD
        1 => match network.u16(packet, 12)? {
            0x8100 => packet.get(18..)?, // of a VLAN
            _ => packet.get(14..)?,
        },
        113 => packet.get(16..)?, // Linux, all interfaces
        276 => packet.get(20..)?, // the same, newer
        _ => packet,
    };
    let (from, to, udp): (IpAddr, IpAddr, &[u8]) = match ip.first()? >> 4 {
        4 => {
            let header = usize::from(ip[0] & 0xf) * 4;
            let is_fragment = network.u16(ip, 6)? & 0x3fff != 0;
            let is_udp = *ip.get(9)? == 17 && !is_fragment;
            let address = |at| Some(Ipv4Addr::from(*ip.get(at..)?.first_chunk::<4>()?));
            (address(12)?.into(), address(16)?.into(), ip.get(header..).filter(|_| is_udp)?)
        }
        6 => {
            let is_udp = *ip.get(6)? == 17;
            let address = |at| Some(Ipv6Addr::from(*ip.get(at..)?.first_chunk::<16>()?));
            (address(8)?.into(), address(24)?.into(), ip.get(40..).filter(|_| is_udp)?)
        }
        _ => return None,
    };
    let way = (SocketAddr::new(from, network.u16(udp, 0)?), SocketAddr::new(to, network.u16(udp, 2)?));
    let datagram = udp.get(8..usize::from(network.u16(udp, 4)?))?.to_vec();
    Some(Frame { at: Some(at), way: Some(way), datagram })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An IPv4 datagram from 192.0.2.1:1 to 192.0.2.2:2 that says "hi", behind `front`.
    fn packet(front: &[u8]) -> Vec<u8> {
        let ip = [0x45, 0, 0, 30, 0, 0, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
        [front, &ip, &[0, 1, 0, 2, 0, 10, 0, 0], b"hi"].concat()
    }

    fn said(way: &str) -> Frame {
        let (from, to) = way.split_once(' ').unwrap();
        let way = (from.parse().unwrap(), to.parse().unwrap());
        Frame { at: Some(3.25), way: Some(way), datagram: b"hi".to_vec() }
    }

    #[test]
    fn a_datagram_is_found_behind_whatever_link_carried_it_in_either_byte_order() {
        let ethernet = [&[0; 12][..], &[8, 0]].concat();
        let vlan = [&[0; 12][..], &[0x81, 0, 0, 7, 8, 0]].concat();
        for (link, front) in
            [(1, ethernet), (1, vlan), (101, vec![]), (0, vec![0; 4]), (113, vec![0; 16]), (276, vec![0; 20])]
        {
            let packet = packet(&front);
            for is_big in [false, true] {
                let number = |number: u32| if is_big { number.to_be_bytes() } else { number.to_le_bytes() };
                let len = u32::try_from(packet.len()).unwrap();
                let head = [0xa1b2_c3d4, 0, 0, 0, 65_535, link].map(number).concat();
                let record = [3, 250_000, len, len].map(number).concat();
                let file = [head, record, packet.clone()].concat();
                assert_eq!(frames(&file).unwrap(), [said("192.0.2.1:1 192.0.2.2:2")], "link {link}");
                assert_eq!(frames(&file[..file.len() - 1]).unwrap(), [], "cut off");
            }
        }
    }

    #[test]
    fn what_is_no_udp_or_a_fragment_is_passed_over() {
        let mut tcp = packet(&[]);
        tcp[9] = 6;
        let mut fragment = packet(&[]);
        fragment[6] = 0x20;
        let mut cut = packet(&[]);
        cut.pop();
        for packet in [&tcp[..], &fragment, &cut, &[], &[0x45], &[0x60; 44], &[0xff; 60]] {
            assert_eq!(frame(101, packet, 0.0), None, "{packet:02x?}");
        }
        assert_eq!(frames(b"8fff4240"), None, "hexadecimal digits are no capture");
    }
}
