# A client as games have it, for godot_server: sends packets of each transfer mode and checks what comes back.
#
#     godot3-server --path DIR -s client.gd --port=PORT --mode=none|range|fastlz|zlib|zstd [--patience=MSEC]
#
# With --patience it gives up connecting after so many milliseconds.
extends "end.gd"

# How long to wait for the echo of an unreliable packet before it is sent again: a throttle lets one of 32 through.
const AGAIN_MSEC = 5

# What is larger travels in fragments, reliably.
const UNRELIABLE = 1300

# A word each codec makes shorter, and numbers that none does: from one byte to a packet of fifteen fragments.
const LENGTHS = [1, 100, 700, 1300, 5000, 20000]

var wrong = 0
var echoed = {}


func _init():
	configure()
	peer.create_client("127.0.0.1", int(argument("port")))
	var patience = int(argument("patience"))
	if not wait_until("is_settled", patience if patience > 0 else PATIENCE_MSEC) or not is_connected_to_server():
		say("failed")
		quit(1)
		return
	say("connected", {"id": peer.get_unique_id()})
	# -1 is the engine's choice: channel 1 if reliable, else 2.
	for channel in [-1, 3, 4]:
		exchange_reliable(channel)
	for mode in [NetworkedMultiplayerPeer.TRANSFER_MODE_UNRELIABLE, NetworkedMultiplayerPeer.TRANSFER_MODE_UNRELIABLE_ORDERED]:
		for channel in [-1, 3]:
			exchange_unreliable(mode, channel)
	say("totals", {"wrong": wrong, "echoed": echoed})
	peer.close_connection()
	quit(0 if wrong == 0 else 1)


func is_settled():
	return peer.get_connection_status() != NetworkedMultiplayerPeer.CONNECTION_CONNECTING


func is_connected_to_server():
	return peer.get_connection_status() == NetworkedMultiplayerPeer.CONNECTION_CONNECTED


func payloads(seed_value):
	var all = []
	for length in LENGTHS:
		var words = ("%d,%d position 12.5 heading 90 " % [seed_value, length]).repeat(length / 20 + 1).to_ascii()
		words.resize(length)
		all.append(words)
		var noise = PoolByteArray()
		seed(seed_value * 100000 + length)
		for at in range(length):
			noise.append(randi() % 256)
		all.append(noise)
	return all


# Takes the next packet; whether it is this one.
func is_echo(channel, payload):
	var on = peer.get_packet_channel()
	var from = peer.get_packet_peer()
	return peer.get_packet() == payload and on == channel and from == SERVER


# All at once, so that they share datagrams; they come back in order.
func exchange_reliable(channel):
	var expected = payloads(10 + channel)
	for payload in expected:
		if not send(SERVER, NetworkedMultiplayerPeer.TRANSFER_MODE_RELIABLE, channel, payload):
			complain("not sent", payload)
	for payload in expected:
		if not wait_until("has_packet") or not is_echo(1 if channel == -1 else channel, payload):
			complain("reliable", payload)
		count("reliable")


# One by one, again and again until it is back: either end may drop what is unreliable.
func exchange_unreliable(mode, channel):
	for payload in payloads(20 + 5 * mode + channel):
		var start = OS.get_ticks_msec()
		var again = AGAIN_MSEC if payload.size() <= UNRELIABLE else PATIENCE_MSEC
		var back = false
		while not back and is_active() and OS.get_ticks_msec() - start < PATIENCE_MSEC:
			send(SERVER, mode, channel, payload)
			while not back and wait_until("has_packet", again):
				# What is not equal is late: the second echo of the packet before.
				back = is_echo(2 if channel == -1 else channel, payload)
		if not back:
			complain("unreliable", payload)
		count("unreliable" if mode == NetworkedMultiplayerPeer.TRANSFER_MODE_UNRELIABLE else "ordered")


func count(kind):
	echoed[kind] = echoed.get(kind, 0) + 1


func complain(what, payload):
	wrong += 1
	say("wrong", {"what": what, "bytes": payload.size()})
