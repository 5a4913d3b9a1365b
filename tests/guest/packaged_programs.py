"""What packaged programs are asked to do: in a guest and, from the same root, on this machine."""

from dataclasses import dataclass, field

__all__ = ["APPLETS", "PROGRAMS", "Program"]


@dataclass(frozen=True)
class Program:
    """A run of a packaged program; `files` are added to the root."""

    name: str
    package: str
    argv: list[str]
    files: dict[str, str] = field(default_factory=dict)
    more: tuple[str, ...] = ()  # further packages


TEXT = "pear 3\napple 10\nfig 2\napple 7\n\nquince 21\n"

APPLETS = {
    "awk": ["awk", "{ n[$1] += $2 } END { for (k in n) s += n[k]; print s, NR }", "/srv/text"],
    "base64": ["base64", "/srv/text"],
    "cat": ["cat", "-A", "/srv/text"],
    "cksum": ["cksum", "/srv/text"],
    "cut": ["cut", "-d", " ", "-f", "2", "/srv/text"],
    "dd": ["dd", "if=/srv/text", "bs=5", "count=3", "status=none"],
    "expr": ["expr", "6", "*", "7"],
    "factor": ["factor", "1234567890123"],
    "find": ["find", "/etc", "-type", "f", "-name", "*.conf"],
    "fold": ["fold", "-w", "7", "/srv/text"],
    "grep": ["grep", "-n", "^a.*[0-9]$", "/srv/text"],
    "ls": ["ls", "-ln", "--full-time", "/srv/text", "/bin/busybox"],
    "md5sum": ["md5sum", "/srv/text", "/bin/busybox"],
    "od": ["od", "-c", "/srv/text"],
    "printf": ["printf", "%5d|%-8s|%x\\n", "42", "left", "255"],
    "readlink": ["readlink", "-f", "/lib/../bin/busybox"],
    "sed": ["sed", "-n", "s/\\(a[a-z]*\\) \\(.*\\)/\\2 \\1/p", "/srv/text"],
    "seq": ["seq", "-w", "8", "11"],
    "sha256sum": ["sha256sum", "/bin/busybox"],
    "sort": ["sort", "-k", "2", "-n", "-r", "/srv/text"],
    "stat": ["stat", "-c", "%n %s %a %F %y", "/srv/text", "/bin"],
    "tail": ["tail", "-n", "2", "/srv/text"],
    "tac": ["tac", "/srv/text"],
    "uniq": ["uniq", "-c", "/srv/text"],
    "wc": ["wc", "/srv/text", "/bin/busybox"],
    "false": ["false"],
    "missing": ["cat", "/srv/nothing"],
}
"""Applet → its arguments; those that need no other process."""

LUA = """
local words = {}
for word in ("the quick brown fox jumps over the lazy dog"):gmatch("%a+") do
  words[#words + 1] = word
end
table.sort(words, function(a, b) return #a < #b or (#a == #b and a < b) end)
print(table.concat(words, " "), #arg, arg[1])
print(string.format("%.10g %5.2f %x %q", math.pi, 2 / 3, 255, "a\\nb"), 7 // 2, 2 ^ 53 | 0)
local function numbers(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) end
local sum = 0
for i in numbers(1000) do sum = sum + i end
print(sum, utf8.char(228, 8364), utf8.len("ä€"), select("#", table.unpack({1, 2, 3})))
local heap = {}
for round = 1, 20 do heap = {} for i = 1, 5000 do heap[i] = { i, tostring(i) } end end
collectgarbage()
print(collectgarbage("count") < 20000, heap[5000][2])
local file = assert(io.open("/tmp/note", "w"))
for i = 1, 1000 do file:write(i, "\\n") end
file:close()
local lines = 0
for line in io.lines("/tmp/note") do lines = lines + tonumber(line) end
print(lines, os.remove("/tmp/note"), io.open("/tmp/note"))
print(pcall(function() error({ code = 7 }) end), os.getenv("GREETING"))
os.exit(3)
"""

SQL = """
create table fruit (name text primary key, number integer, price real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000)
insert into fruit select 'fruit ' || i, i * i, i / 7.0 from n;
create index by_number on fruit (number);
begin; delete from fruit where number % 3 = 0; rollback;
select count(*), sum(number), round(avg(price), 6), group_concat(name, '|')
  from (select * from fruit where number < 20 order by number desc);
select typeof(price), printf('%08.3f', price) from fruit where number = 49;
select name from fruit where name like '%199%' order by number limit 3;
select json_extract('{"a": [1, {"b": 2}]}', '$.a[1].b'), upper('x'), sqlite_version();
pragma integrity_check;
select * from nothing;
"""

PYTHON = """
import os, sys, time, threading, hashlib, re, struct
print(sys.argv, sys.version.split()[0], sys.maxsize, __name__)
print(sum(n * n for n in range(10 ** 5)), 3 ** 200 % 1000007, f"{2 / 3:.12f} {255:#x} {'é':>4}")
print(hashlib.sha256(b"x" * 100000).hexdigest()[:16], re.sub(r"(\\w+) (\\w+)", r"\\2 \\1", "one two"))
print(struct.pack("<IHb", 1, 2, -3), sorted({"b": 1, "a": 2}.items()), "äöü".encode())
counts, lock = [0], threading.Lock()
def work():
    for _ in range(2000):
        with lock:
            counts[0] += 1
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(counts, threading.active_count())
os.makedirs("/tmp/a/b")
with open("/tmp/a/b/file", "w") as stream:
    stream.write("line\\n" * 10000)
print(os.path.getsize("/tmp/a/b/file"), os.listdir("/tmp/a"), sum(1 for _ in open("/tmp/a/b/file")))
os.rename("/tmp/a/b/file", "/tmp/a/moved"); os.rmdir("/tmp/a/b")
print(os.listdir("/tmp/a"), os.environ["GREETING"], os.getcwd(), os.getuid())
reader, writer = os.pipe()
os.write(writer, b"through a pipe"); print(os.read(reader, 100))
heap = [bytearray(1 << 20) for _ in range(24)]; del heap
started = time.monotonic(); time.sleep(0.05); print(0.05 <= time.monotonic() - started < 5)
class Tree:
    def __init__(self, depth): self.kids = [Tree(depth - 1) for _ in range(3)] if depth else []
    def __len__(self): return 1 + sum(map(len, self.kids))
print(len(Tree(7)))
raise ValueError("an uncaught one")
"""

PHP = """<?php
echo PHP_VERSION, ' ', PHP_OS, ' ', PHP_INT_SIZE, ' ', implode(',', $argv), "\\n";
echo json_encode(['a' => [1, 2.5, null], 'é' => true]), ' ', json_decode('{"x":[1]}')->x[0], "\\n";
echo preg_replace_callback('/\\d+/', fn($m) => $m[0] * 2, 'a1b22c333'), ' ', sprintf('%08.3f|%-6s|%b', M_PI, 'ab', 5), "\\n";
function numbers($n) { for ($i = 1; $i <= $n; $i++) yield $i => $i * $i; }
echo array_sum(iterator_to_array(numbers(1000))), ' ', hash('sha256', str_repeat('x', 100000)), "\\n";
$words = explode(' ', 'the quick brown fox'); usort($words, fn($a, $b) => strlen($a) <=> strlen($b) ?: strcmp($a, $b));
echo implode(' ', $words), ' ', ucwords('hello world'), ' ', mb_internal(), "\\n";
function mb_internal() { return iconv('UTF-8', 'ISO-8859-1//TRANSLIT', 'ü') === "\\xfc" ? 'iconv' : 'no iconv'; }
file_put_contents('/tmp/data', serialize(range(1, 1000)));
echo array_sum(unserialize(file_get_contents('/tmp/data'))), ' ', filesize('/tmp/data'), ' ', is_dir('/srv') ? 'dir' : '', "\\n";
echo date('Y-m-d H:i', 86400 * 365), ' ', (new DateTime('2024-02-29 +1 year', new DateTimeZone('Europe/Berlin')))->format(DATE_ATOM), "\\n";
echo bin2hex(gzdeflate('aaaaaaaaaaaaaaaaaaaaaaaaaa')), ' ', strlen(random_bytes(16)), ' ', getenv('GREETING'), "\\n";
$all = get_loaded_extensions(); sort($all); echo implode(' ', $all), "\\n";
function fib($n) { return $n < 2 ? $n : fib($n - 1) + fib($n - 2); }
echo fib(18), "\\n";
try { intdiv(1, 0); } catch (DivisionByZeroError $e) { echo get_class($e), ': ', $e->getMessage(), "\\n"; }
exit(4);
"""

JIT = """
local ffi = require("ffi")
ffi.cdef("int getpid(void);")
local bit, sum = require("bit"), 0
for i = 1, 3e5 do sum = bit.bxor(sum, i * 7) end
print(jit.version, jit.status() and "compiles", sum, ffi.sizeof("int[10]"), ffi.C.getpid() > 0)
"""

PHP_JIT = ["php", "-d", "opcache.enable_cli=1", "-d", "opcache.memory_consumption=16",
           "-d", "opcache.jit_buffer_size=8M", "-d", "opcache.jit=tracing", "/srv/loop.php"]
LOOP = """<?php
function mix($n) { $x = 1; for ($i = 0; $i < $n; $i++) { $x = ($x * 31 + $i) % 1000003; } return $x; }
echo mix(200000), ' ', opcache_get_status()['jit']['on'] ? 'compiled' : 'interpreted', "\\n";
"""

PROGRAMS = [
    Program("lua", "lua5.4", ["lua5.4", "/srv/script.lua", "one argument"],
            {"/srv/script.lua": LUA}),
    Program("lua_syntax", "lua5.4", ["lua5.4", "-e", "print(1"]),
    Program("luajit", "luajit", ["luajit", "/srv/script.lua"], {"/srv/script.lua": JIT}),
    Program("sqlite", "sqlite3", ["sqlite3", "-batch", ":memory:", SQL]),
    Program("sqlite_file", "sqlite3", ["sqlite3", "-batch", "/tmp/data.db", SQL]),
    Program("python", "python3-minimal", ["python3", "/srv/script.py", "one argument"],
            {"/srv/script.py": PYTHON}),
    Program("php", "php8.2-cli", ["php", "/srv/script.php", "one argument"],
            {"/srv/script.php": PHP}),
    Program("php_jit", "php8.2-cli", PHP_JIT, {"/srv/loop.php": LOOP}),
]
