"""One HTTP request to a guest, patient until the guest listens.

The host's end of a port forward takes a connection before the guest does, so a connection
says nothing yet.  The request is sent only once the guest has taken it: then it reaches the
guest once, and what goes wrong after that is the answer.
"""

import http.client
import os
import select
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import TYPE_CHECKING

from kernel_magics.boot.network.usernet import FORWARD, parse_usernet
from kernel_magics.boot.process import wait_readable
from kernel_magics.errors import GuestError, GuestTimeout

if TYPE_CHECKING:
    from kernel_magics.boot.guest import Guest

__all__ = ["Response", "request", "connect_to"]

LOOK_S = 0.005          # between looks at a connection the guest has not taken yet
END_S = 0.1             # from a guest's last packet to QEMU's end
RETRY_S = 0.02          # after the guest refused
# A first packet that a starting guest missed is sent again after seconds only: a new connection
# is quicker.  Each one has longer, for a guest that is only slow.
STALE_S, STALE_MOST_S = 0.1, 2.0
UNKNOWN_QUIET_S = 0.2   # a connection that nobody refuses for so long, where none can be asked
# passt loses the first packet to a guest that is not up, and does not tell: there, a request
# that changes nothing is sent again when no answer begins to come, each time with more patience.
GUESS_S = 0.5
_HARMLESS = {"GET", "HEAD", "OPTIONS"}
TAIL_LINES = 3


@dataclass(frozen=True)
class Response:
    """An answer: `status`, `reason`, `headers` (a mapping without regard to case), `body` as
    bytes, `text`; `elapsed_ns` from the call to the last byte, waiting included."""

    status: int
    reason: str
    headers: Message
    body: bytes = field(repr=False)
    elapsed_ns: int

    @property
    def text(self) -> str:
        """The body as text, by the charset of its Content-Type, else UTF-8."""
        charset = self.headers.get_content_charset() or "utf-8"
        try:
            return self.body.decode(charset, errors="replace")
        except LookupError:
            return self.body.decode(errors="replace")

    def __repr__(self) -> str:
        return f"{self.status} {self.reason}, {len(self.body)} bytes in " \
               f"{self.elapsed_ns / 1e6:.1f} ms"


def request(guest: "Guest", path: str, port: int, method: str, body: bytes | str | None,
            headers: Mapping[str, str], timeout_s: float) -> Response:
    """Send one request to a guest's port and return the answer.

    Raises GuestError if the guest has ended or answers with something else than HTTP,
    GuestTimeout if nothing listens, or no answer comes, within `timeout_s`.
    """
    started_ns = time.monotonic_ns()
    deadline = time.monotonic() + timeout_s
    patience_s = GUESS_S if guest.network_kind == "passt" and method in _HARMLESS else timeout_s
    while True:
        until = min(deadline, time.monotonic() + patience_s)
        try:
            answer, data = _ask(guest, path, port, method, body, headers, deadline, until,
                                timeout_s)
        except _Unanswered as unanswered:
            if patience_s < timeout_s and time.monotonic() < deadline:
                patience_s *= 2
                continue
            raise unanswered.error from unanswered
        return Response(answer.status, answer.reason, answer.msg, data,
                        time.monotonic_ns() - started_ns)


class _Unanswered(Exception):
    """No answer came; `error` is what the user is told if it is not tried again."""

    def __init__(self, error: GuestError) -> None:
        super().__init__(str(error))
        self.error = error


def _ask(guest: "Guest", path: str, port: int, method: str, body: bytes | str | None,
         headers: Mapping[str, str], deadline: float, until: float,
         timeout_s: float) -> tuple[http.client.HTTPResponse, bytes]:
    with connect_to(guest, port, deadline, timeout_s) as connected:
        # http.client makes the lines; the connection is ours already
        connection = http.client.HTTPConnection(connected.getpeername()[0], port)
        connection.sock = connected
        try:
            connected.settimeout(max(until - time.monotonic(), UNKNOWN_QUIET_S))
            connection.request(method, path, body.encode() if isinstance(body, str) else body,
                               dict(headers))
            answer = connection.getresponse()
            connected.settimeout(max(deadline - time.monotonic(), LOOK_S))
            return answer, answer.read()
        except TimeoutError as error:
            raise _Unanswered(_late(guest, f"took the request on port {port} and did not "
                                           f"answer within {timeout_s:g} s")) from error
        except (ConnectionError, http.client.RemoteDisconnected) as error:
            raise _Unanswered(_broken(guest, port, error)) from error
        except (OSError, http.client.HTTPException) as error:
            raise _broken(guest, port, error) from error


def connect_to(guest: "Guest", port: int, deadline: float, timeout_s: float) -> socket.socket:
    """Return a connection that the guest has taken; tries until `deadline` (monotonic)."""
    address, stale_s = (guest.address, guest.host_port(port)), STALE_S
    while True:
        _check_alive(guest)
        try:
            connected = socket.create_connection(address, timeout=_left(deadline))
        except OSError:  # refused, or no way to it yet: a tap, whose guest answers itself
            connected = None
        if connected and _taken(guest, connected, port,
                                min(deadline, time.monotonic() + stale_s)):
            return connected
        if connected:
            connected.close()
        if time.monotonic() > deadline:
            _check_alive(guest)
            raise _late(guest, f"does not listen on port {port}: nothing took a connection "
                               f"for {timeout_s:g} s")
        time.sleep(RETRY_S)
        stale_s = min(2 * stale_s, STALE_MOST_S)


def _left(deadline: float) -> float:
    return min(max(deadline - time.monotonic(), LOOK_S), 1.0)


def _taken(guest: "Guest", connected: socket.socket, port: int, until: float) -> bool:
    """Wait until the guest takes a connection (True) or refuses it, or it has gone stale."""
    if guest.network_kind not in ("user", "passt"):
        return True
    quiet_until = time.monotonic() + UNKNOWN_QUIET_S
    while True:
        taken = _says_taken(guest, port)
        if select.select([connected], [], [], 0 if taken else LOOK_S)[0]:
            return False  # closed: before a request there is nothing else to read
        if taken or (taken is None and time.monotonic() > quiet_until):
            return True
        if time.monotonic() > until and taken is not None:
            return False


def _says_taken(guest: "Guest", port: int) -> bool | None:
    """Whether the guest has taken the latest connection to one of its ports; None: QEMU does
    not tell.  It names no client, but lists the latest one first (slirp's so_insque)."""
    if guest.network_kind != "user":
        return None
    try:
        said = parse_usernet(guest.machine.monitor("info usernet"))
    except GuestError:
        return None
    latest = next((found.state for found in said if found.protocol == "tcp"
                   and found.destination_port == port and found.state != FORWARD), "")
    return latest == "ESTABLISHED"


def _check_alive(guest: "Guest") -> None:
    if guest.machine.has_ended():
        raise _ended(guest)


def _ended(guest: "Guest") -> GuestError:
    return GuestError(f"{guest.name} has ended ({guest.state}) and answers nothing; "
                      f"{_tail(guest)}", name=guest.name,
                      next_step="look at guest.console.text, or boot it again")


def _late(guest: "Guest", what: str) -> GuestError:
    return GuestTimeout(f"{guest.name} {what}; {_tail(guest)}", name=guest.name,
                        next_step="look at guest.console.text, or wait longer: timeout=60")


def _broken(guest: "Guest", port: int, error: Exception) -> GuestError:
    if _ends(guest):
        return _ended(guest)
    said = str(error).strip() or type(error).__name__
    what = ("ended the connection without an answer" if isinstance(
        error, ConnectionError | http.client.RemoteDisconnected | http.client.IncompleteRead)
        else f"does not speak HTTP: {said}")
    return GuestError(f"{guest.name}, port {port}, {what}; {_tail(guest)}", name=guest.name,
                      next_step="look at guest.console.text, or give another port=")


def _ends(guest: "Guest") -> bool:
    """Whether the connection broke because the guest is about to be gone."""
    end = guest.machine.open_end()
    if end is None:
        return True
    try:
        return wait_readable(end, END_S)
    finally:
        os.close(end)


def _tail(guest: "Guest") -> str:
    return f"its console ends with:\n{guest.console.tail(TAIL_LINES) or '(nothing)'}"
