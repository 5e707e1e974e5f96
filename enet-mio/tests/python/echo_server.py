#!/usr/bin/python3
"""An echo server for echo_client on python3-enet, that is, on the C library: sends every packet back on its channel
with its flags and prints one JSON object per line. Ends after the first client has gone.

    echo_server.py [--port PORT] [--channels N] [--compress range] [--checksum crc32] [--seconds S]
"""
import argparse
import json
import sys
import time

import enet


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--channels", type=int, default=8)
    parser.add_argument("--compress", choices=["range"])
    parser.add_argument("--checksum", choices=["crc32"])
    parser.add_argument("--seconds", type=float, default=30)
    return parser.parse_args()


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def main():
    options = arguments()
    host = enet.Host(enet.Address(b"127.0.0.1", options.port), 4, options.channels, 0, 0)
    if options.compress:
        host.compress_with_range_coder()
    if options.checksum:
        host.checksum = enet.ENET_CRC32
    say("listening", address="%s:%d" % (host.address.host, host.address.port))
    packets = 0
    deadline = time.monotonic() + options.seconds
    while time.monotonic() < deadline:
        event = host.service(20)
        if event.type == enet.EVENT_TYPE_CONNECT:
            say("connected", data=event.data, mtu=event.peer.mtu, channels=event.peer.channelCount)
        elif event.type == enet.EVENT_TYPE_RECEIVE:
            packets += 1
            event.peer.send(event.channelID, enet.Packet(event.packet.data, event.packet.flags))
        elif event.type == enet.EVENT_TYPE_DISCONNECT:
            say("disconnected", data=event.data, packets=packets)
            return 0
    say("failed", why="nobody came and went")
    return 1


if __name__ == "__main__":
    sys.exit(main())
