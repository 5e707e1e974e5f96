# What the scripts of this folder share: arguments, lines of JSON, and an end of NetworkedMultiplayerENet.
extends SceneTree

const SERVER = 1

# Longer than anything takes on a busy machine.
const PATIENCE_MSEC = 30000

const COMPRESSIONS = {
	"none": NetworkedMultiplayerENet.COMPRESS_NONE,
	"range": NetworkedMultiplayerENet.COMPRESS_RANGE_CODER,
	"fastlz": NetworkedMultiplayerENet.COMPRESS_FASTLZ,
	"zlib": NetworkedMultiplayerENet.COMPRESS_ZLIB,
	"zstd": NetworkedMultiplayerENet.COMPRESS_ZSTD,
}

var peer = NetworkedMultiplayerENet.new()


# What stands behind `--NAME=` on the command line.
func argument(name):
	for word in OS.get_cmdline_args():
		if word.begins_with("--%s=" % name):
			return word.split("=")[1]
	return ""


func configure():
	peer.compression_mode = COMPRESSIONS[argument("mode")]
	# Three of them are the engine's own, of which transfer_channel can name all but the first.
	peer.channel_count = 5


func say(event, fields = {}):
	fields["event"] = event
	print(JSON.print(fields))


func is_active():
	return peer.get_connection_status() != NetworkedMultiplayerPeer.CONNECTION_DISCONNECTED


func has_packet():
	return peer.get_available_packet_count() > 0


# Polls once in a millisecond until `condition` holds, a method of this script; whether it did in time.
func wait_until(condition, msec = PATIENCE_MSEC):
	var start = OS.get_ticks_msec()
	while not call(condition):
		if OS.get_ticks_msec() - start > msec or not is_active():
			return false
		OS.delay_msec(1)
		peer.poll()
	return true


func send(to, mode, channel, payload):
	peer.set_target_peer(to)
	peer.transfer_mode = mode
	peer.transfer_channel = channel
	return peer.put_packet(payload) == OK
