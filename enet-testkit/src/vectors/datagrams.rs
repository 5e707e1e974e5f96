//! `datagrams.json`: the codec, the checksum and the range coder against captured datagrams.

use std::borrow::Cow;

use enet_compress::{Compressor, RangeCoder};
use enet_wire::{
    Body, Command, CommandKind, Commands, Connect, Fragment, Header, ThrottleConfigure, Writer, crc32,
    split_checksum,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Form, Mismatch, Report, Verdict, bytes_of, parse, same, same_bytes};
use crate::hex;

#[derive(Deserialize)]
struct Recorded<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    checksum: bool,
    range_coder: bool,
    #[serde(rename = "connectID_bytes")]
    connect_id: &'a str,
    length: usize,
    hex: &'a str,
    decoded: Decoded<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decoded<'a> {
    header: Map<String, Value>,
    header_size: usize,
    checksum_hex: Option<&'a str>,
    checksum_seed_hex: Option<&'a str>,
    checksum_verified: Option<bool>,
    compressed_length: Option<usize>,
    uncompressed_commands_hex: Option<&'a str>,
    commands: Vec<Map<String, Value>>,
}

pub(super) fn check(text: &str) -> Verdict {
    let mut report = Report::new(Form::Datagrams);
    let mut coder = RangeCoder::boxed();
    for recorded in parse::<Recorded<'_>>(text)? {
        check_one(&recorded, &mut coder, &mut report)
            .map_err(|what| Mismatch::new(&*recorded.name, format!("{what}\n  datagram {}", recorded.hex)))?;
        report.cases += 1;
        report.datagrams += 1;
    }
    Ok(report)
}

fn check_one(recorded: &Recorded<'_>, coder: &mut RangeCoder, report: &mut Report) -> Result<(), String> {
    let datagram = bytes_of(recorded.hex)?;
    same("the length", &recorded.length, &datagram.len())?;
    let (header, rest) = Header::decode(&datagram).map_err(|error| format!("the header: {error}"))?;
    same("the header", &recorded.decoded.header, &header_fields(&header))?;
    let (checksum, rest) = match recorded.checksum {
        true => split_checksum(rest).map(|(checksum, rest)| (Some(checksum), rest)),
        false => Ok((None, rest)),
    }
    .map_err(|error| error.to_string())?;
    same("the header size", &recorded.decoded.header_size, &(datagram.len() - rest.len()))?;

    let commands = check_compression(recorded, &header, rest, coder)?;
    if let Some(checksum) = checksum {
        check_checksum(recorded, &header, checksum, &commands)?;
    }
    let decoded = check_commands(recorded, &commands)?;
    report.values += recorded.decoded.commands.iter().map(Map::len).sum::<usize>();
    check_encoding(&datagram, header, checksum, &decoded, header.compressed.then_some(rest))
}

fn header_fields(header: &Header) -> Map<String, Value> {
    let mut fields = object(json!({
        "peerID": header.peer.get(),
        "sessionID": header.session.get(),
        "compressed": header.compressed,
        "sentTime_flag": header.sent_time.is_some(),
    }));
    if let Some(sent_time) = header.sent_time {
        fields.insert("sentTime".to_owned(), json!(sent_time));
    }
    fields
}

/// Decompresses the commands, if they are compressed, and compresses them to the same decision and bytes (§1.4).
fn check_compression<'a>(
    recorded: &Recorded<'_>,
    header: &Header,
    rest: &'a [u8],
    coder: &mut RangeCoder,
) -> Result<Cow<'a, [u8]>, String> {
    let commands = match header.compressed {
        false => Cow::Borrowed(rest),
        true => {
            same("the compressed length", &recorded.decoded.compressed_length, &Some(rest.len()))?;
            let mut commands = vec![0; 4096 - recorded.decoded.header_size];
            let len = coder.decompress(rest, &mut commands).ok_or("the commands do not decompress")?;
            commands.truncate(len);
            let expected = bytes_of(recorded.decoded.uncompressed_commands_hex.unwrap_or_default())?;
            same_bytes("what the commands decompress to", &expected, &commands)?;
            Cow::Owned(commands)
        }
    };
    if recorded.range_coder {
        let mut block = vec![0; commands.len()];
        let len = coder.compress(&commands, &mut block).filter(|&len| len < commands.len());
        same("whether the commands are sent compressed", &header.compressed, &len.is_some())?;
        if let Some(len) = len {
            block.truncate(len);
            same_bytes("what the commands compress to", rest, &block)?;
        }
    }
    Ok(commands)
}

fn check_checksum(
    recorded: &Recorded<'_>,
    header: &Header,
    checksum: [u8; 4],
    commands: &[u8],
) -> Result<(), String> {
    let decoded = &recorded.decoded;
    same("the checksum's place", &decoded.checksum_hex, &Some(hex::encode(&checksum).as_str()))?;
    let seed = match header.peer.is_unknown() {
        true => vec![0; 4],
        false => bytes_of(recorded.connect_id)?,
    };
    same("the checksum's seed", &decoded.checksum_seed_hex, &Some(hex::encode(&seed).as_str()))?;
    same("whether the recorder could verify the checksum", &decoded.checksum_verified, &Some(true))?;
    let computed = crc32([header.encode().as_ref(), seed.as_slice(), commands]).to_be_bytes();
    same_bytes("the checksum", &checksum, &computed)
}

fn check_commands<'a>(recorded: &Recorded<'_>, bytes: &'a [u8]) -> Result<Vec<Command<'a>>, String> {
    let mut commands = Commands::new(bytes);
    let mut decoded = Vec::new();
    for (index, expected) in recorded.decoded.commands.iter().enumerate() {
        let offset = bytes.len() - commands.remaining().len();
        let command = commands
            .next()
            .ok_or_else(|| format!("command {index} is missing"))?
            .map_err(|error| format!("command {index}: {error}"))?;
        let actual = command_fields(&command, offset);
        if *expected != actual {
            return Err(format!("command {index} differs\n{}", show_fields(expected, &actual)));
        }
        decoded.push(command);
    }
    same("what is left after the last command", &0, &commands.remaining().len())?;
    Ok(decoded)
}

/// Builds the datagram again from what was decoded.
fn check_encoding(
    datagram: &[u8],
    header: Header,
    checksum: Option<[u8; 4]>,
    commands: &[Command<'_>],
    block: Option<&[u8]>,
) -> Result<(), String> {
    let mut buffer = [0; 2 * 4096];
    let mut writer = Writer::new(&mut buffer);
    let no_room = |error: enet_wire::EncodeError| error.to_string();
    writer.header(&header).map_err(no_room)?;
    if let Some(checksum) = checksum {
        writer.checksum(checksum).map_err(no_room)?;
    }
    let body = writer.len();
    for command in commands {
        writer.command(command).map_err(no_room)?;
    }
    let encoded = writer.finish();
    match block {
        None => same_bytes("the datagram encoded again", datagram, encoded),
        // The block itself was compared when it was compressed again.
        Some(block) => {
            let front = datagram.len() - block.len();
            same_bytes(
                "the header encoded again",
                datagram.get(..front).unwrap_or_default(),
                &encoded[..body],
            )?;
            let commands: Vec<u8> =
                commands.iter().flat_map(|c| [c.head().as_ref(), c.payload()].concat()).collect();
            same_bytes("the commands encoded again", &commands, &encoded[body..])
        }
    }
}

/// A decoded command in the recording's own words; every field, so that comparing the maps compares everything.
fn command_fields(command: &Command<'_>, offset: usize) -> Map<String, Value> {
    let mut fields = object(json!({
        "offset": offset,
        "size": command.encoded_len(),
        "command": name(command.kind()),
        "number": command.kind().number(),
        "flag_acknowledge": command.acknowledge,
        "flag_unsequenced": command.unsequenced,
        "channelID": command.channel.get(),
        "reliableSequenceNumber": command.seq.0,
    }));
    fields.extend(body_fields(&command.body));
    fields
}

fn body_fields(body: &Body<'_>) -> Map<String, Value> {
    object(match *body {
        Body::Acknowledge { received_seq, received_sent_time } => json!({
            "receivedReliableSequenceNumber": received_seq.0,
            "receivedSentTime": received_sent_time,
        }),
        Body::Connect(connect) => {
            let mut fields = connect_fields(&connect);
            fields.insert("data".to_owned(), json!(connect.data));
            Value::Object(fields)
        }
        Body::VerifyConnect(verify) => Value::Object(connect_fields(&Connect {
            outgoing_peer: verify.outgoing_peer,
            incoming_session: verify.incoming_session,
            outgoing_session: verify.outgoing_session,
            mtu: verify.mtu,
            window_size: verify.window_size,
            channel_count: verify.channel_count,
            incoming_bandwidth: verify.incoming_bandwidth,
            outgoing_bandwidth: verify.outgoing_bandwidth,
            throttle: verify.throttle,
            connect_id: verify.connect_id,
            data: 0,
        })),
        Body::Disconnect { data } => json!({ "data": data }),
        Body::Ping => json!({}),
        Body::SendReliable { payload } => payload_fields(payload),
        Body::SendUnreliable { seq, payload } => {
            with(payload_fields(payload), json!({ "unreliableSequenceNumber": seq.0 }))
        }
        Body::SendUnsequenced { group, payload } => {
            with(payload_fields(payload), json!({ "unsequencedGroup": group.0 }))
        }
        Body::SendFragment(fragment) | Body::SendUnreliableFragment(fragment) => fragment_fields(&fragment),
        Body::BandwidthLimit { incoming, outgoing } => json!({
            "incomingBandwidth": incoming,
            "outgoingBandwidth": outgoing,
        }),
        Body::ThrottleConfigure(throttle) => throttle_fields(throttle),
    })
}

fn connect_fields(connect: &Connect) -> Map<String, Value> {
    object(with(
        throttle_fields(connect.throttle),
        json!({
            "outgoingPeerID": connect.outgoing_peer,
            "incomingSessionID": connect.incoming_session,
            "outgoingSessionID": connect.outgoing_session,
            "mtu": connect.mtu,
            "windowSize": connect.window_size,
            "channelCount": connect.channel_count,
            "incomingBandwidth": connect.incoming_bandwidth,
            "outgoingBandwidth": connect.outgoing_bandwidth,
            "connectID_bytes": hex::encode(&connect.connect_id.0),
        }),
    ))
}

fn throttle_fields(throttle: ThrottleConfigure) -> Value {
    json!({
        "packetThrottleInterval": throttle.interval,
        "packetThrottleAcceleration": throttle.acceleration,
        "packetThrottleDeceleration": throttle.deceleration,
    })
}

fn fragment_fields(fragment: &Fragment<'_>) -> Value {
    with(
        payload_fields(fragment.payload),
        json!({
            "startSequenceNumber": fragment.start,
            "fragmentCount": fragment.count,
            "fragmentNumber": fragment.number,
            "totalLength": fragment.total_length,
            "fragmentOffset": fragment.offset,
        }),
    )
}

fn payload_fields(payload: &[u8]) -> Value {
    json!({ "dataLength": payload.len(), "payload": hex::encode(payload) })
}

fn with(fields: Value, more: Value) -> Value {
    let mut fields = object(fields);
    fields.extend(object(more));
    Value::Object(fields)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// The fields that differ, one per line.
fn show_fields(expected: &Map<String, Value>, actual: &Map<String, Value>) -> String {
    let names: std::collections::BTreeSet<&String> = expected.keys().chain(actual.keys()).collect();
    let differing = names.into_iter().filter(|name| expected.get(*name) != actual.get(*name));
    let show = |value: Option<&Value>| value.map_or("(absent)".to_owned(), Value::to_string);
    let lines = differing.map(|name| {
        format!("  {name}: expected {}, actual {}", show(expected.get(name)), show(actual.get(name)))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn name(kind: CommandKind) -> &'static str {
    match kind {
        CommandKind::Acknowledge => "ACKNOWLEDGE",
        CommandKind::Connect => "CONNECT",
        CommandKind::VerifyConnect => "VERIFY_CONNECT",
        CommandKind::Disconnect => "DISCONNECT",
        CommandKind::Ping => "PING",
        CommandKind::SendReliable => "SEND_RELIABLE",
        CommandKind::SendUnreliable => "SEND_UNRELIABLE",
        CommandKind::SendFragment => "SEND_FRAGMENT",
        CommandKind::SendUnsequenced => "SEND_UNSEQUENCED",
        CommandKind::BandwidthLimit => "BANDWIDTH_LIMIT",
        CommandKind::ThrottleConfigure => "THROTTLE_CONFIGURE",
        CommandKind::SendUnreliableFragment => "SEND_UNRELIABLE_FRAGMENT",
    }
}
