-- `love DIR client 127.0.0.1:6789 none` runs client.lua with the other words as arguments, and ends.
io.stdout:setvbuf("line")
require(arg[2])(unpack(arg, 3))
os.exit(0)
