#!/usr/bin/python3
"""A host of the C library, through python3-enet: receives messages whose first eight bytes are the time of sending,
nanoseconds since 1970, little-endian; prints its port, and when its client has gone how long each took, in
milliseconds, as a JSON array. Gives up after the number of seconds that is its argument."""
import json
import sys
import time

import enet

host = enet.Host(enet.Address(b"127.0.0.1", 0), 1, 4, 0, 0)
print(host.address.port, flush=True)
took = []
deadline = time.monotonic() + float(sys.argv[1])
while time.monotonic() < deadline:
    event = host.service(100)
    if event.type == enet.EVENT_TYPE_RECEIVE:
        took.append((time.time_ns() - int.from_bytes(event.packet.data[:8], "little")) / 1e6)
    elif event.type == enet.EVENT_TYPE_DISCONNECT:
        break
print(json.dumps(took))
