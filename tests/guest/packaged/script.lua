local words = {}
for word in ("the quick brown fox jumps over the lazy dog"):gmatch("%a+") do
  words[#words + 1] = word
end
table.sort(words, function(a, b) return #a < #b or (#a == #b and a < b) end)
print(table.concat(words, " "), #arg, arg[1])
print(string.format("%.10g %5.2f %x %q", math.pi, 2 / 3, 255, "a\nb"), 7 // 2, 2 ^ 53 | 0)
local function numbers(n)
  return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end)
end
local sum = 0
for i in numbers(1000) do sum = sum + i end
print(sum, utf8.char(228, 8364), utf8.len("ä€"), select("#", table.unpack({1, 2, 3})))
local heap = {}
for round = 1, 20 do heap = {} for i = 1, 5000 do heap[i] = { i, tostring(i) } end end
collectgarbage()
print(collectgarbage("count") < 20000, heap[5000][2])
local file = assert(io.open("/tmp/note", "w"))
for i = 1, 1000 do file:write(i, "\n") end
file:close()
local lines = 0
for line in io.lines("/tmp/note") do lines = lines + tonumber(line) end
print(lines, os.remove("/tmp/note"), io.open("/tmp/note"))
print(pcall(function() error({ code = 7 }) end), os.getenv("GREETING"))
os.exit(3)
