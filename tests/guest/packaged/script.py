"""Run by a packaged Python: numbers, texts, threads, files, a pipe, memory, an error."""

import hashlib
import os
import re
import struct
import sys
import threading
import time

print(sys.argv, sys.version.split()[0], sys.maxsize, __name__)
print(sum(n * n for n in range(10**5)), 3**200 % 1000007, f"{2 / 3:.12f} {255:#x} {'é':>4}")
print(hashlib.sha256(b"x" * 100000).hexdigest()[:16])
print(re.sub(r"(\w+) (\w+)", r"\2 \1", "one two"), "äöü".encode())
print(struct.pack("<IHb", 1, 2, -3), sorted({"b": 1, "a": 2}.items()))

counts, lock = [0], threading.Lock()


def work() -> None:
    for _ in range(2000):
        with lock:
            counts[0] += 1


threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(counts, threading.active_count())

os.makedirs("/tmp/a/b")
with open("/tmp/a/b/file", "w") as stream:
    stream.write("line\n" * 10000)
print(os.path.getsize("/tmp/a/b/file"), os.listdir("/tmp/a"))
with open("/tmp/a/b/file") as stream:
    print(sum(1 for _ in stream))
os.rename("/tmp/a/b/file", "/tmp/a/moved")
os.rmdir("/tmp/a/b")
print(os.listdir("/tmp/a"), os.environ["GREETING"], os.getcwd(), os.getuid())
reader, writer = os.pipe()
os.write(writer, b"through a pipe")
print(os.read(reader, 100))

heap = [bytearray(1 << 20) for _ in range(24)]
del heap
started = time.monotonic()
time.sleep(0.05)
print(0.05 <= time.monotonic() - started < 5)


class Tree:
    """A tree of objects, to be counted and freed."""

    def __init__(self, depth: int) -> None:
        self.kids = [Tree(depth - 1) for _ in range(3)] if depth else []

    def __len__(self) -> int:
        return 1 + sum(map(len, self.kids))


print(len(Tree(7)))
raise ValueError("an uncaught one")
