-- A client as games have it, for echo_server: sends packets of each kind and checks what comes back; leaves in each way.
--
--     love DIR client ADDRESS none|range
local enet = require "enet"

-- Longer than anything takes on a busy machine.
local PATIENCE = 30

local CHANNELS = 4
local KINDS = {"reliable", "unreliable", "unsequenced"}

local host, peer
local wrong, echoed = 0, {reliable = 0, unreliable = 0, unsequenced = 0}

local function say(format, ...)
	print(string.format(format, ...))
end

-- The next event, which must be of this type.
local function wait(type)
	local deadline = os.time() + PATIENCE
	while os.time() < deadline do
		local event = host:service(10)
		if event then
			assert(event.type == type, event.type)
			return event
		end
	end
	error("no " .. type)
end

local function connect(address, mode, data)
	host = enet.host_create(nil, 1, CHANNELS)
	if mode == "range" then
		host:compress_with_range_coder()
	end
	peer = host:connect(address, CHANNELS, data)
	wait "connect"
	-- Nothing is to fall to a throttle, here or there.
	peer:throttle_configure(5000, 2, 0)
end

-- From nothing to a packet of fifteen fragments, words that can be compressed and numbers that cannot.
local function payloads(mode, seed)
	-- An empty one that should be compressed kills stock ENet.
	local all = mode == "none" and {""} or {}
	for _, length in ipairs {1, 100, 1300, 5000, 20000} do
		local words = string.format("%d,%d position 12.5 ", seed, length)
		all[#all + 1] = words:rep(math.ceil(length / #words)):sub(1, length)
		math.randomseed(seed * 100000 + length)
		local noise = {}
		for at = 1, length do
			noise[at] = string.char(math.random(0, 255))
		end
		all[#all + 1] = table.concat(noise)
	end
	return all
end

local function expect(channel, kind, payload)
	local event = wait "receive"
	if event.channel == channel and event.data == payload and event.peer == peer then
		echoed[kind] = echoed[kind] + 1
	else
		wrong = wrong + 1
	end
end

local function exchange(mode, channel)
	for number, kind in ipairs(KINDS) do
		local all = payloads(mode, 10 * channel + number)
		if kind == "reliable" then
			-- At once, so that they share datagrams; they come back in order.
			for _, payload in ipairs(all) do
				peer:send(payload, channel, kind)
			end
		end
		for _, payload in ipairs(all) do
			if kind ~= "reliable" then
				peer:send(payload, channel, kind)
			end
			expect(channel, kind, payload)
		end
	end
end

return function(address, mode)
	-- LÖVE's enet says 2,147,483,648 for all that is more.
	connect(address, mode, 2000000000)
	say('{"event":"connected","version":"%s","state":"%s"}', enet.linked_version(), peer:state())
	for channel = 0, CHANNELS - 1 do
		exchange(mode, channel)
	end
	host:broadcast("to all", 1, "reliable")
	host:flush()
	expect(1, "reliable", "to all")
	peer:ping()
	say(
		'{"event":"statistics","round_trip_time":%d,"sent":%d,"received":%d}',
		peer:round_trip_time(), host:total_sent_data(), host:total_received_data()
	)
	peer:disconnect(77)
	wait "disconnect"

	-- What is queued goes first, but no echo of it is waited for.
	connect(address, mode, 2)
	peer:send(("x"):rep(20000), 0)
	peer:disconnect_later(78)
	wait "disconnect"

	-- It forgets what is to be sent, the proof of our address included: that has to have arrived.
	connect(address, mode, 3)
	peer:send("x", 0)
	expect(0, "reliable", "x")
	peer:disconnect_now(79)
	say(
		'{"event":"totals","wrong":%d,"reliable":%d,"unreliable":%d,"unsequenced":%d}',
		wrong, echoed.reliable, echoed.unreliable, echoed.unsequenced
	)
end
