-- A server as games have it: sends back what it gets on its channel, as the first byte says: reliably (0), unreliably
-- (1), unsequenced (2), to everybody (3); or prints how long it is (7); or ends the connection: at once (255), when all
-- has arrived (254), without waiting (253).
--
--     love DIR server none|range
local enet = require "enet"

-- Nobody waits for it to end.
local PATIENCE = 60

local FLAGS = {[0] = "reliable", "unreliable", "unsequenced"}

local function say(format, ...)
	print(string.format(format, ...))
end

local function answer(host, event)
	local peer, order = event.peer, event.data:byte() or 0
	if FLAGS[order] then
		peer:send(event.data, event.channel, FLAGS[order])
	elseif order == 3 then
		host:broadcast(event.data, event.channel)
	elseif order == 7 then
		say('{"event":"last","bytes":%d}', #event.data)
	elseif order == 253 then
		peer:disconnect_now(253)
	elseif order == 254 then
		peer:send(event.data:rep(20000), event.channel)
		peer:disconnect_later(254)
	elseif order == 255 then
		peer:disconnect(4000000000)
	end
end

return function(mode)
	local host = enet.host_create("127.0.0.1:*", 8, 4)
	if mode == "range" then
		host:compress_with_range_coder()
	end
	say('{"event":"listening","address":"%s"}', host:get_socket_address())
	local deadline = os.time() + PATIENCE
	while os.time() < deadline do
		local event = host:service(10)
		if event and event.type == "connect" then
			-- Nothing is to fall to a throttle, here or there.
			event.peer:throttle_configure(5000, 2, 0)
			say('{"event":"connected","data":%.0f,"peer":"%s"}', event.data, tostring(event.peer))
		elseif event and event.type == "receive" then
			answer(host, event)
		elseif event then
			say('{"event":"disconnected","data":%.0f}', event.data)
		end
	end
end
