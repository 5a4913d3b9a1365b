local ffi = require("ffi")
ffi.cdef("int getpid(void);")
local bit, sum = require("bit"), 0
for i = 1, 3e5 do sum = bit.bxor(sum, i * 7) end
print(jit.version, jit.status() and "compiles", sum, ffi.sizeof("int[10]"), ffi.C.getpid() > 0)
