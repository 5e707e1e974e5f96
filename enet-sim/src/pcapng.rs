//! [`pcapng`]: a log's datagrams as a file that Wireshark opens.

use std::net::{IpAddr, SocketAddr};

use crate::log::{Log, What};
use crate::time::Time;

/// Datagrams start with their IP header, of version 4 or 6.
const LINKTYPE_RAW: u16 = 101;
const UDP: u8 = 17;

/// The datagrams of a log, at the time at which they left, with IP and UDP headers. Those that the network dropped are
/// there only `with_lost`, and carry a comment that says so.
pub fn pcapng(log: &Log, with_lost: bool) -> Vec<u8> {
    let mut file = Vec::new();
    push_block(&mut file, 0x0A0D_0D0A, &section_header());
    push_block(&mut file, 1, &interface());
    for entry in log.entries() {
        let What::Departed { to, bytes, fate } = &entry.what else { continue };
        let Some(from) = entry.host.and_then(|host| log.hosts().get(host)) else { continue };
        if fate.dropped.is_some() && !with_lost {
            continue;
        }
        let mut comment = match (fate.dropped, fate.copies) {
            (Some(reason), _) => format!("lost ({reason:?})"),
            (None, 0 | 1) => String::new(),
            (None, copies) => format!("arrives {copies} times"),
        };
        if fate.corrupted {
            comment.push_str(if comment.is_empty() { "damaged on the way" } else { ", damaged on the way" });
        }
        push_block(&mut file, 6, &packet(entry.at, &ip_datagram(from.address, *to, bytes), &comment));
    }
    file
}

/// Type, length, body filled up to 4 bytes, length again.
fn push_block(file: &mut Vec<u8>, block_type: u32, body: &[u8]) {
    let padded = body.len().next_multiple_of(4);
    let total = le32(padded + 12);
    file.extend(block_type.to_le_bytes());
    file.extend(total);
    file.extend(body);
    file.resize(file.len() + padded - body.len(), 0);
    file.extend(total);
}

fn le32(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes()
}

fn section_header() -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(0x1A2B_3C4D_u32.to_le_bytes()); // byte order
    body.extend([1, 0, 0, 0]); // version 1.0
    body.extend(u64::MAX.to_le_bytes()); // length of the section: not told
    push_option(&mut body, 4, b"enet-sim"); // shb_userappl
    push_option(&mut body, 0, b"");
    body
}

fn interface() -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(LINKTYPE_RAW.to_le_bytes());
    body.extend([0, 0]); // reserved
    body.extend([0; 4]); // no limit to a packet's length
    push_option(&mut body, 2, b"simulated"); // if_name
    push_option(&mut body, 9, &[9]); // if_tsresol: nanoseconds
    push_option(&mut body, 0, b"");
    body
}

fn packet(at: Time, bytes: &[u8], comment: &str) -> Vec<u8> {
    let mut body = vec![0; 4]; // interface
    let [low @ .., h0, h1, h2, h3] = at.0.to_le_bytes();
    body.extend([h0, h1, h2, h3]);
    body.extend(low);
    body.extend(le32(bytes.len())); // captured
    body.extend(le32(bytes.len())); // original
    body.extend(bytes);
    body.resize(body.len().next_multiple_of(4), 0);
    if !comment.is_empty() {
        push_option(&mut body, 1, comment.as_bytes());
        push_option(&mut body, 0, b"");
    }
    body
}

fn push_option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    body.extend(code.to_le_bytes());
    body.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

/// A UDP datagram in an IPv4 one, or an IPv6 one unless both addresses are IPv4.
fn ip_datagram(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let udp_len = be16(payload.len() + 8);
    let mut pseudo = Vec::new();
    let mut ip = Vec::new();
    if let (IpAddr::V4(source), IpAddr::V4(destination)) = (from.ip(), to.ip()) {
        let [hi, lo] = be16(payload.len() + 28);
        ip.extend([0x45, 0, hi, lo, 0, 0, 0x40, 0, 64, UDP, 0, 0]); // do not fragment, 64 hops
        ip.extend(source.octets());
        ip.extend(destination.octets());
        let sum = checksum(&ip).to_be_bytes();
        if let Some(field) = ip.get_mut(10..12) {
            field.copy_from_slice(&sum);
        }
        pseudo.extend(source.octets());
        pseudo.extend(destination.octets());
        pseudo.extend([0, UDP]);
    } else {
        let octets = |address: IpAddr| match address {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        };
        ip.extend([0x60, 0, 0, 0]);
        ip.extend(udp_len);
        ip.extend([UDP, 64]);
        ip.extend(octets(from.ip()));
        ip.extend(octets(to.ip()));
        pseudo.extend(octets(from.ip()));
        pseudo.extend(octets(to.ip()));
        pseudo.extend([0, UDP]);
    }
    let mut udp = Vec::new();
    udp.extend(from.port().to_be_bytes());
    udp.extend(to.port().to_be_bytes());
    udp.extend(udp_len);
    pseudo.extend(udp_len);
    pseudo.extend(&udp);
    pseudo.extend([0, 0]);
    pseudo.extend(payload);
    // 0 would say that there is none (RFC 768).
    let sum = match checksum(&pseudo) {
        0 => u16::MAX,
        sum => sum,
    };
    udp.extend(sum.to_be_bytes());
    ip.extend(udp);
    ip.extend(payload);
    ip
}

fn be16(len: usize) -> [u8; 2] {
    u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes()
}

/// The Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| match *pair {
        [high, low] => u32::from(u16::from_be_bytes([high, low])),
        [high] => u32::from(u16::from_be_bytes([high, 0])),
        _ => 0,
    });
    let sum = words.fold(0_u32, |sum, word| {
        let sum = sum + word;
        (sum & 0xFFFF) + (sum >> 16)
    });
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{HostName, LogConfig};
    use crate::net::{DropReason, Fate};
    use crate::world::observer::Observer;

    struct Block {
        kind: u32,
        body: Vec<u8>,
    }

    /// Cuts a file into its blocks, both lengths of each compared.
    fn blocks(mut file: &[u8]) -> Vec<Block> {
        let mut blocks = Vec::new();
        while !file.is_empty() {
            let kind = u32::from_le_bytes(file[..4].try_into().unwrap());
            let total = u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize;
            assert!(total.is_multiple_of(4), "{total}");
            assert_eq!(file[4..8], file[total - 4..total]);
            blocks.push(Block { kind, body: file[8..total - 4].to_vec() });
            file = &file[total..];
        }
        blocks
    }

    fn log(addresses: [&str; 2]) -> Log {
        let hosts =
            addresses.map(|address| HostName { name: "host".to_owned(), address: address.parse().unwrap() });
        let to = hosts[1].address;
        let mut log = Log::new(LogConfig { hosts: hosts.to_vec(), ..LogConfig::default() });
        let fate = Fate { number: 0, dropped: None, corrupted: false, copies: 1, arrives: Time(9) };
        log.departed(Time(0x1_2345_6789), 0, to, &[0x11, 0x22, 0x33], &fate);
        log.departed(
            Time(0x1_2345_6790),
            0,
            to,
            &[0x44; 4],
            &Fate { dropped: Some(DropReason::Loss), ..fate },
        );
        log
    }

    #[test]
    fn a_file_is_section_interface_and_one_block_per_datagram() {
        let file = pcapng(&log(["10.0.0.1:7000", "10.0.0.2:7001"]), true);
        let blocks = blocks(&file);
        assert_eq!(blocks.iter().map(|block| block.kind).collect::<Vec<_>>(), [0x0A0D_0D0A, 1, 6, 6]);
        assert_eq!(blocks[0].body[..8], [0x4D, 0x3C, 0x2B, 0x1A, 1, 0, 0, 0]); // byte order, 1.0
        assert_eq!(blocks[1].body[..8], [101, 0, 0, 0, 0, 0, 0, 0]); // LINKTYPE_RAW, no limit
        assert_eq!(blocks[1].body[24..32], [9, 0, 1, 0, 9, 0, 0, 0], "if_tsresol: 10^-9 s");
        let expected = [
            0, 0, 0, 0, // interface
            1, 0, 0, 0, 0x89, 0x67, 0x45, 0x23, // time, high and low
            31, 0, 0, 0, 31, 0, 0, 0, // captured, original
            0x45, 0, 0, 31, 0, 0, 0x40, 0, 64, 17, 0x26, 0xCC, 10, 0, 0, 1, 10, 0, 0, 2, // IPv4
            0x1B, 0x58, 0x1B, 0x59, 0, 11, 0x71, 0x02, // UDP
            0x11, 0x22, 0x33, 0, // payload, filler
        ];
        assert_eq!(blocks[2].body, expected);
    }

    #[test]
    fn checksums_are_right() {
        for addresses in [["10.0.0.1:7000", "10.0.0.2:7001"], ["[fd00::1]:7000", "[fd00::2]:7001"]] {
            let [from, to] = addresses.map(|address| address.parse::<SocketAddr>().unwrap());
            for payload in [&[1, 2, 3][..], &[0xFF; 8], &[]] {
                let bytes = ip_datagram(from, to, payload);
                let (ip, udp) = bytes.split_at(if from.is_ipv4() { 20 } else { 40 });
                let addresses = if from.is_ipv4() { &ip[12..20] } else { &ip[8..40] };
                let mut summed = addresses.to_vec();
                summed.extend([0, UDP]);
                summed.extend(be16(udp.len()));
                summed.extend(udp);
                assert_eq!(checksum(&summed), 0, "with its checksum, the sum of all words is all ones");
                if from.is_ipv4() {
                    assert_eq!(checksum(ip), 0);
                }
            }
        }
    }

    #[test]
    fn lost_datagrams_are_there_on_demand_with_a_comment() {
        let log = log(["10.0.0.1:7000", "10.0.0.2:7001"]);
        assert_eq!(blocks(&pcapng(&log, false)).len(), 3);
        let with_lost = blocks(&pcapng(&log, true));
        let lost = &with_lost[3].body;
        assert_eq!(lost[20 + 32..20 + 36], [1, 0, 11, 0], "opt_comment of 11 bytes");
        assert_eq!(&lost[20 + 36..20 + 47], b"lost (Loss)");
        assert_eq!(lost[lost.len() - 4..], [0; 4], "opt_endofopt");
    }
}
