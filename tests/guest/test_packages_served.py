"""Servers from Debian packages in guests answer as they do on this machine."""

import re
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from capabilities import need
from host_ports import free_port
from packaged_roots import ENV, served_here, unpack_root

from kernel_magics import Lab

pytestmark = pytest.mark.guest

START_S = 60
PAGE = """<?php
header('X-Asked: ' . $_SERVER['REQUEST_METHOD']);
echo json_encode([$_GET, $_POST, strlen(file_get_contents('php://input')), PHP_SAPI]);
"""
NGINX = """
daemon off; master_process off; error_log stderr; pid /tmp/pid; user root;
events { worker_connections 64; }
http {
  include /etc/nginx/mime.types; access_log off; gzip on; gzip_min_length 100;
  gzip_types text/plain;
  server { listen PORT; root /srv; location /old { return 301 /new; } }
}
"""
LINES = "".join(f"line {number}\n" for number in range(20000))


@pytest.fixture(scope="module")
def packages():
    need("qemu", "debian", "cpio", "namespaces")
    with Lab(driver="qemu") as lab:
        yield lab


def ask(port: int, path: str, method: str = "GET", data: bytes | None = None,
        **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Return status, the headers that do not tell the time, and the body of an answer."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", data, method=method,
        headers={name.replace("_", "-"): value for name, value in headers.items()})
    deadline = time.monotonic() + START_S
    while True:
        try:
            opener = urllib.request.build_opener(Unredirected)
            with opener.open(request, timeout=60) as answer:
                status, found, body = answer.status, answer.headers, answer.read()
                break
        except urllib.error.HTTPError as error:
            status, found, body = error.code, error.headers, error.read()
            break
        except (OSError, EOFError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    told = {name: re.sub(r"127\.0\.0\.1:\d+", "HOST", value) for name, value in found.items()
            if name != "Date"}
    return status, told, re.sub(rb"127\.0\.0\.1:\d+", b"HOST", body)


class Unredirected(urllib.request.HTTPRedirectHandler):
    """A redirection is an answer like others."""

    def redirect_request(self, *_: object) -> None:
        return None


def test_php_answers_as_it_does_here(packages, tmp_path):
    port = free_port()
    image = packages.package("php8.2-cli", run="serve", name="php-served", files={
        "/srv/index.php": PAGE, "/srv/plain.txt": LINES})
    argv = [word.replace(":80", f":{port}") for word in image.rc[0]["argv"]]
    asked = [("/?a=1&b=zwei", "GET", None), ("/", "POST", b"x=1&y=2"), ("/plain.txt", "GET", None),
             ("/plain.txt", "HEAD", None), ("/nothing.txt", "GET", None)]
    with served_here(unpack_root(image, tmp_path), argv, image.rc[0]["bin"]):
        here = [ask(port, *one) for one in asked]
    guest = packages.boot(image, ports=[80], env=ENV)
    assert [ask(guest.ports[80], *one) for one in asked] == here
    guest.stop()


def test_nginx_serves_files_as_it_does_here(packages, tmp_path):
    port = free_port()
    argv = ["nginx", "-e", "stderr", "-c", "/srv/nginx.conf"]
    image = packages.package("nginx", name="nginx-served", argv=argv, files={
        "/srv/nginx.conf": NGINX.replace("PORT", str(port)), "/srv/index.html": "<p>hello</p>\n",
        "/srv/lines.txt": LINES, "/srv/empty": b""})
    asked = [("/",), ("/lines.txt",), ("/lines.txt", "HEAD"), ("/nothing",), ("/old",),
             ("/empty",), ("/", "POST", b"x")]
    ranged = {"Range": "bytes=100-199"}
    packed = {"Accept_Encoding": "gzip"}

    def answers(where: int) -> list:
        return [*(ask(where, *one) for one in asked), ask(where, "/lines.txt", **ranged),
                ask(where, "/lines.txt", **packed)]
    with served_here(unpack_root(image, tmp_path), argv, image.rc[0]["bin"]):
        here = answers(port)
    guest = packages.boot(image, ports=[port], env=ENV)
    assert answers(guest.ports[port]) == here
    guest.stop()


def test_the_usual_nginx_shows_its_welcome_page_and_logs_to_the_console(packages):
    guest = packages.boot(packages.package("nginx"), ports=[80])
    status, _, body = ask(guest.ports[80], "/")
    assert status == 200 and b"Welcome to nginx!" in body
    guest.console.expect('"GET / HTTP/1.1" 200', timeout=60)  # written after the answer
    guest.stop()


COMMANDS = """SET a 5
INCR a
GET a
APPEND a 00
STRLEN a
RPUSH list one two three
LRANGE list 0 -1
HSET hash x 1 y 2
HGETALL hash
ZADD set 2 b 1 a
ZRANGE set 0 -1 WITHSCORES
EXPIRE a 1000
PERSIST a
TTL a
EVAL "return redis.call('GET', KEYS[1]) .. ARGV[1]" 1 a !
BITCOUNT a
NOSUCH
OBJECT ENCODING list
DBSIZE
"""


def test_redis_answers_its_own_client_as_it_does_here_and_its_benchmark(packages, tmp_path):
    port = free_port()
    image = packages.package("redis-server")
    root = unpack_root(image, tmp_path)
    libraries = root / "usr/lib/x86_64-linux-gnu"
    argv = [word.replace("6379", str(port)) for word in image.rc[0]["argv"]]

    def run(program: str, where: int, *words: str, text: str = "") -> str:
        """Run a program of the root here, with the root's own libraries."""
        return subprocess.run(
            [libraries / "ld-linux-x86-64.so.2", "--library-path", libraries,
             root / "usr/bin" / program, "-p", str(where), *words],
            input=text, capture_output=True, text=True, timeout=60).stdout

    def client(where: int) -> str:
        deadline = time.monotonic() + START_S
        while run("redis-cli", where, "PING") != "PONG\n":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        return run("redis-cli", where, text=COMMANDS)
    with served_here(root, argv, image.rc[0]["bin"]):
        here = client(port)
    guest = packages.boot(image, ports=[6379])
    assert client(guest.ports[6379]) == here
    # One connection: QEMU's user network lets only one wait for the guest to accept it.
    for more in (), ("-P", "20"):
        table = run("redis-benchmark", guest.ports[6379], "-n", "1000", "-c", "1",
                    "-t", "set,get,lpush", "--csv", *more)
        assert [line.split(",")[0] for line in table.splitlines()] == [
            '"test"', '"SET"', '"GET"', '"LPUSH"']
    guest.stop()
