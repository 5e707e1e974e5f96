//! Decoding and encoding, per command, by kind: `cargo bench -p enet-wire --bench codec`.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a benchmark that panics has failed")]

#[cfg(target_os = "linux")]
mod rows {
    use std::hint::black_box;

    use criterion::{BenchmarkId, Criterion, Throughput};
    use enet_wire::{
        Body, ChannelId, Command, Commands, Fragment, Header, ReliableSeq, UnreliableSeq, WirePeerId, Writer,
    };

    /// As many commands as fill a datagram of small packets.
    const COMMANDS: u16 = 32;

    const PAYLOAD: [u8; 32] = [7; 32];

    /// A name and what it stands for: the command with this number.
    type Kind = (&'static str, fn(u16) -> Command<'static>);

    const KINDS: [Kind; 4] = [
        ("acknowledge", |seq| Command {
            acknowledge: false,
            ..command(seq, Body::Acknowledge { received_seq: ReliableSeq(seq), received_sent_time: 9 })
        }),
        ("send reliable", |seq| command(seq, Body::SendReliable { payload: &PAYLOAD })),
        ("send unreliable", |seq| Command {
            acknowledge: false,
            ..command(seq, Body::SendUnreliable { seq: UnreliableSeq(seq), payload: &PAYLOAD })
        }),
        ("send fragment", |seq| {
            let fragment = Fragment {
                start: 1,
                count: 40,
                number: 3,
                total_length: 1280,
                offset: 96,
                payload: &PAYLOAD,
            };
            command(seq, Body::SendFragment(fragment))
        }),
    ];

    pub(crate) fn all(criterion: &mut Criterion) {
        decode(criterion);
        encode(criterion);
        header(criterion);
    }

    fn command(seq: u16, body: Body<'_>) -> Command<'_> {
        let channel = ChannelId::new(0);
        Command { channel, seq: ReliableSeq(seq), acknowledge: true, unsequenced: false, body }
    }

    fn decode(criterion: &mut Criterion) {
        let mut group = criterion.benchmark_group("decode");
        group.throughput(Throughput::Elements(u64::from(COMMANDS)));
        for (name, make) in KINDS {
            let mut buffer = [0; 4096];
            let mut writer = Writer::new(&mut buffer);
            for seq in 0..COMMANDS {
                writer.command(&make(seq)).unwrap();
            }
            let bytes = writer.finish();
            group.bench_with_input(BenchmarkId::new("Commands", name), bytes, |bencher, bytes| {
                bencher.iter(|| {
                    for command in Commands::new(black_box(bytes)).flatten() {
                        black_box((command.channel, command.seq, command.payload()));
                    }
                });
            });
            group.bench_with_input(BenchmarkId::new("Command::decode", name), bytes, |bencher, bytes| {
                bencher.iter(|| {
                    let mut rest = black_box(bytes);
                    while let Ok((ref command, behind)) = Command::decode(rest) {
                        black_box(command);
                        rest = behind;
                    }
                });
            });
        }
        group.finish();
    }

    fn encode(criterion: &mut Criterion) {
        let mut group = criterion.benchmark_group("encode");
        group.throughput(Throughput::Elements(u64::from(COMMANDS)));
        for (name, make) in KINDS {
            let mut buffer = [0; 4096];
            let commands: Vec<_> = (0..COMMANDS).map(make).collect();
            group.bench_with_input(
                BenchmarkId::new("Command::encode", name),
                &commands,
                |bencher, commands| {
                    bencher.iter(|| {
                        black_box(write(black_box(commands), black_box(&mut buffer)));
                    });
                },
            );
        }
        group.finish();
    }

    fn write<'b>(commands: &[Command<'_>], buffer: &'b mut [u8]) -> &'b [u8] {
        let mut writer = Writer::new(buffer);
        for command in commands {
            writer.command(command).unwrap();
        }
        writer.finish()
    }

    fn header(criterion: &mut Criterion) {
        let mut group = criterion.benchmark_group("header");
        let header = Header { peer: WirePeerId::from_bits(7), sent_time: Some(9), ..Header::default() };
        let bytes = header.encode();
        group.bench_function("decode", |bencher| bencher.iter(|| Header::decode(black_box(&bytes)).is_ok()));
        let mut out = [0; 4];
        group.bench_function("encode_into", |bencher| {
            bencher.iter(|| black_box(&header).encode_into(black_box(&mut out)));
        });
        group.finish();
    }
}

fn main() {
    #[cfg(target_os = "linux")]
    {
        let mut criterion = criterion::Criterion::default().configure_from_args();
        rows::all(&mut criterion);
        criterion.final_summary();
    }
}
