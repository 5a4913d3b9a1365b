"""What packaged programs are asked to do: in a guest and, from the same root, on this machine."""

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["APPLETS", "PROGRAMS", "Program"]


@dataclass(frozen=True)
class Program:
    """A run of a packaged program; `files` are added to the root."""

    name: str
    package: str
    argv: list[str]
    files: dict[str, Path] = field(default_factory=dict)


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
    "stat": ["stat", "-c", "%n %s %a %F %y %h", "/srv/text"],
    "tail": ["tail", "-n", "2", "/srv/text"],
    "tac": ["tac", "/srv/text"],
    "uniq": ["uniq", "-c", "/srv/text"],
    "wc": ["wc", "/srv/text", "/bin/busybox"],
    "false": ["false"],
    "missing": ["cat", "/srv/nothing"],
}
"""Applet → its arguments; those that need no other process."""

SHELL = """
set -- $(busybox seq 3); echo "$# $3"
busybox seq 100 | while read n; do sum=$((sum + n)); echo $sum; done | busybox tail -n 1
(echo in a subshell; exit 3); echo "status $?"
echo kept > /tmp/x; busybox cat < /tmp/x
trap 'echo trapped' USR1; kill -USR1 $$; wait
busybox sleep 0.1 < /tmp/x & wait $!; rm /tmp/x; echo "waited $?"
exec busybox echo replaced
"""

SCRIPTS = Path(__file__).parent / "packaged"
SQL = (SCRIPTS / "statements.sql").read_text()
PHP_JIT = ["php", "-d", "opcache.enable_cli=1", "-d", "opcache.memory_consumption=16",
           "-d", "opcache.jit_buffer_size=8M", "-d", "opcache.jit=tracing"]


def script(name: str, package: str, *command: str, file: str) -> Program:
    """Return the run of a script of the folder `packaged`, with one argument."""
    place = f"/srv/{file}"
    return Program(name, package, [*command, place, "one argument"], {place: SCRIPTS / file})


PROGRAMS = [
    script("lua", "lua5.4", "lua5.4", file="script.lua"),
    Program("lua_syntax", "lua5.4", ["lua5.4", "-e", "print(1"]),
    script("luajit", "luajit", "luajit", file="jit.lua"),
    script("perl", "perl-base", "perl", file="script.pl"),
    Program("sqlite", "sqlite3", ["sqlite3", "-batch", ":memory:", SQL]),
    Program("sqlite_file", "sqlite3", ["sqlite3", "-batch", "/tmp/data.db", SQL]),
    script("python", "python3-minimal", "python3", file="script.py"),
    script("php", "php8.2-cli", "php", file="script.php"),
    script("php_jit", "php8.2-cli", *PHP_JIT, file="loop.php"),
    Program("shell", "busybox-static", ["busybox", "ash", "-c", SHELL]),
]
