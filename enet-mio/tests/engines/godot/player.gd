# A player of a game that uses the engine's remote calls: greets whom the server introduces, and all of them at once.
#
#     godot3-server --path DIR -s player.gd --port=PORT --mode=none|range|fastlz|zlib|zstd [--leave=1]
#
# With --leave it goes as soon as it is thanked.
extends "end.gd"

var ears = Ears.new()


class Ears extends Node:
	signal heard(from, text)

	remote func hear(text):
		emit_signal("heard", get_tree().get_rpc_sender_id(), text)


func _initialize():
	configure()
	ears.name = "ears"
	ears.connect("heard", self, "on_heard")
	root.add_child(ears)
	connect("connected_to_server", self, "on_connected")
	connect("network_peer_connected", self, "on_met")
	connect("network_peer_disconnected", self, "on_left")
	peer.create_client("127.0.0.1", int(argument("port")))
	network_peer = peer


func on_connected():
	say("connected", {"id": get_network_unique_id()})


func on_met(id):
	if id == SERVER:
		return
	say("met", {"id": id})
	ears.rpc_id(id, "hear", "hello, you")
	ears.rpc("hear", "hello, all")


func on_heard(from, text):
	say("heard", {"from": from, "text": text})
	if text == "hello, all" and from != SERVER:
		ears.rpc_id(from, "hear", "thank you")
	if text == "thank you" and argument("leave") == "1":
		peer.close_connection()
		quit()


func on_left(id):
	say("left", {"id": id})


func _idle(_delta):
	# Nobody waits for it to end.
	return OS.get_ticks_msec() > 2 * PATIENCE_MSEC
