-- Without a window, sound or input: what a dedicated server has.
function love.conf(settings)
	for name in pairs(settings.modules) do
		settings.modules[name] = false
	end
end
