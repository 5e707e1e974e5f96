# A server as games have it: sends back what it gets on its channel, in the transfer mode that the first byte names;
# who sends 255 is disconnected.
#
#     godot3-server --path DIR -s server.gd --port=PORT --mode=none|range|fastlz|zlib|zstd
#
# The first free port from PORT on is taken; a line says which.
extends "end.gd"

const BYE = 255


func _init():
	configure()
	peer.set_bind_ip("127.0.0.1")
	peer.connect("peer_connected", self, "on_connected")
	peer.connect("peer_disconnected", self, "on_disconnected")
	var port = int(argument("port"))
	while peer.create_server(port, 8) != OK:
		port += 1
	say("listening", {"port": port})
	# Nobody waits for it to end.
	while wait_until("has_packet"):
		echo()
	quit(0)


func on_connected(id):
	say("connected", {"id": id, "address": peer.get_peer_address(id)})


func on_disconnected(id):
	say("disconnected", {"id": id})


func echo():
	var channel = peer.get_packet_channel()
	var from = peer.get_packet_peer()
	var packet = peer.get_packet()
	if packet[0] == BYE:
		peer.disconnect_peer(from)
	else:
		send(from, packet[0], channel, packet)
