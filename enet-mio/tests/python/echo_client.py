#!/usr/bin/python3
"""A client of echo_server on python3-enet, that is, on the C library: sends packets of every delivery on every
channel, checks what comes back, prints one JSON object per line; exits with 1 if anything reliable was lost or
anything was wrong.

    echo_client.py HOST PORT [--channels N] [--count N] [--size BYTES] [--compress range] [--checksum crc32]
                   [--data U32] [--disconnect-data U32] [--seconds S]
"""
import argparse
import json
import sys
import time

import enet

KINDS = [
    ("reliable", enet.PACKET_FLAG_RELIABLE),
    ("unreliable", 0),
    ("unreliable_fragments", enet.PACKET_FLAG_UNRELIABLE_FRAGMENT),
    ("unsequenced", enet.PACKET_FLAG_UNSEQUENCED),
]


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--channels", type=int, default=2)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--size", type=int, default=5000)
    parser.add_argument("--compress", choices=["range"])
    parser.add_argument("--checksum", choices=["crc32"])
    parser.add_argument("--data", type=int, default=0)
    parser.add_argument("--disconnect-data", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=20)
    return parser.parse_args()


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def payload(kind, number, size):
    head = b"%d %d " % (kind, number)
    return head + bytes((at * 167 + number) & 255 for at in range(max(0, size - len(head))))


def wait(host, kind, deadline):
    """The next event of this type; anything else is ignored."""
    while time.monotonic() < deadline:
        event = host.service(20)
        if event.type == kind:
            return event
    return None


def main():
    options = arguments()
    deadline = time.monotonic() + options.seconds
    host = enet.Host(None, 1, options.channels, 0, 0)
    if options.compress:
        host.compress_with_range_coder()
    if options.checksum:
        host.checksum = enet.ENET_CRC32
    peer = host.connect(enet.Address(options.host.encode(), options.port), options.channels, options.data)
    if wait(host, enet.EVENT_TYPE_CONNECT, deadline) is None:
        say("failed", why="no connection")
        return 1
    say("connected", mtu=peer.mtu)

    sizes = [0, 1, 39, options.size // 50, options.size // 4, options.size // 2, options.size]
    expected = {channel: [] for channel in range(options.channels)}  # reliable, in order
    others = {channel: set() for channel in range(options.channels)}
    sent = [0] * 4
    echoed = [0] * 4
    wrong = 0

    def check(event):
        nonlocal wrong
        data, channel = event.packet.data, event.channelID
        if expected[channel] and expected[channel][0] == data:
            expected[channel].pop(0)
            echoed[0] += 1
        elif data in others[channel]:
            others[channel].remove(data)
            echoed[int(data.split(b" ")[0])] += 1
        else:
            wrong += 1

    for number in range(options.count):
        for channel in range(options.channels):
            for kind, (_, flags) in enumerate(KINDS):
                size = sizes[(number + channel + kind) % len(sizes)]
                # Empty ones only where the C library survives them: it crashes when it compresses one.
                empty = size == 0 and kind == 0 and not options.compress
                data = b"" if empty else payload(kind, number, size)
                if kind == 0:
                    expected[channel].append(data)
                else:
                    others[channel].add(data)
                if peer.send(channel, enet.Packet(data, flags)) != 0:
                    wrong += 1
                sent[kind] += 1
        while sum(map(len, expected.values())) > 64 and time.monotonic() < deadline:
            event = host.service(5)
            if event.type == enet.EVENT_TYPE_RECEIVE:
                check(event)
    quiet = None
    while time.monotonic() < deadline:
        event = host.service(5)
        if event.type == enet.EVENT_TYPE_RECEIVE:
            check(event)
        elif not any(expected.values()):
            quiet = quiet or time.monotonic() + 0.3
            if not any(others.values()) or time.monotonic() > quiet:
                break

    peer.disconnect(options.disconnect_data)
    confirmed = wait(host, enet.EVENT_TYPE_DISCONNECT, time.monotonic() + 5) is not None
    lost = sum(map(len, expected.values()))
    kinds = {name + end: n for (name, _), s, e in zip(KINDS, sent, echoed) for end, n in (("_sent", s), ("_echoed", e))}
    say("totals", wrong=wrong, reliable_lost=lost, disconnect_confirmed=confirmed, **kinds)
    return 0 if wrong == 0 and lost == 0 and confirmed else 1


if __name__ == "__main__":
    sys.exit(main())
