"""The console view's parts that need no browser: what is sent to whom, and plain text."""

import threading
import time

import pytest

from kernel_magics.boot.console import log as console_log
from kernel_magics.boot.console.console import Console, ConsoleGuest
from kernel_magics.boot.console.window import ConsoleWindow
from kernel_magics.boot.guest_files import GuestFiles
from kernel_magics.widgets.console import feed as console_feed
from kernel_magics.widgets.console.feed import ConsoleFeed, Piece
from kernel_magics.widgets.console.keys import ConsoleKeys
from kernel_magics.widgets.console.view import without_controls


@pytest.fixture
def console(tmp_path):
    """A console of a guest that writes when the test does."""
    files = GuestFiles(tmp_path)
    facts = ConsoleGuest("guest", lambda: False, lambda: (0, 0), lambda: None, lambda: False,
                         ConsoleWindow(None, files.window_bell, "guest"))
    return Console(files, facts)


def write(console, data: bytes) -> None:
    with open(console._log_path, "ab") as log:
        log.write(data)
    console.pump()


@pytest.fixture(autouse=True)
def log_path(console, tmp_path):
    console._log_path = GuestFiles(tmp_path).console_log


class Browser:
    """A browser that shows what it gets, when it wants to."""

    def __init__(self, feed_of, name: str = "one") -> None:
        self.name, self.pieces, self.lock = name, [], threading.Lock()
        self.shows = True
        self.feed = feed_of(self.take)

    def take(self, piece: Piece) -> None:
        if piece.browser != self.name:
            return
        with self.lock:
            self.pieces.append(piece)
        if self.shows:
            self.feed.shown(self.name, piece.end)

    def show_all(self) -> None:
        self.shows = True
        self.feed.shown(self.name, self.end)

    @property
    def end(self) -> int:
        return self.pieces[-1].end if self.pieces else -1

    @property
    def data(self) -> bytes:
        return b"".join(piece.data for piece in self.pieces)


@pytest.fixture
def feed_of(console):
    """A function that makes a feed of the console; feeds are closed after the test."""
    feeds = []

    def make(send) -> ConsoleFeed:
        feeds.append(ConsoleFeed(console, send, lambda: True, "guest"))
        return feeds[-1]

    yield make
    for feed in feeds:
        feed.close()


def await_true(condition, within_s: float = 60.0) -> None:
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.005)


def test_a_browser_gets_every_byte_once_and_in_order(console, feed_of):
    browser = Browser(feed_of)
    # (a cursor that is moved: nothing may be left out)
    written = b"\x1b[H" + b"".join(b"%07d\n" % number for number in range(500_000))
    write(console, written[:100])
    assert browser.feed.attach("one") is False
    for at in range(100, len(written), 99_991):
        write(console, written[at:at + 99_991])
    await_true(lambda: browser.end == len(written))
    assert browser.data == written
    assert [piece.anew for piece in browser.pieces].count(True) == 1
    assert browser.pieces[0].replay_end == 100


def test_of_a_flood_the_lines_that_remain_are_sent(console, feed_of):
    browser = Browser(feed_of)
    browser.shows = False
    browser.feed.attach("one")
    written = b"".join(b"%07d\n" % number for number in range(1_000_000))
    write(console, written)
    await_true(lambda: browser.end >= console_feed.WINDOW_BYTES - console_feed.PIECE_BYTES)
    browser.show_all()
    browser.shows = True
    await_true(lambda: browser.end == len(written))
    assert len(browser.data) < len(written) / 2 and browser.data.endswith(written[-80_000:])
    assert [piece.start for piece in browser.pieces[1:]] == \
        [piece.end for piece in browser.pieces[:-1]]
    assert [piece.anew for piece in browser.pieces].count(True) == 1
    count = len(browser.data)
    write(console, b"\x1b[2J" + written[:2_000_000])  # from here on all of it
    await_true(lambda: browser.end == len(written) + 4 + 2_000_000)
    assert len(browser.data) == count + 4 + 2_000_000


def test_no_more_is_on_the_way_than_a_window(console, feed_of):
    browser = Browser(feed_of)
    browser.shows = False
    browser.feed.attach("one")
    write(console, bytes(3 * console_feed.WINDOW_BYTES))
    await_true(lambda: browser.end >= console_feed.WINDOW_BYTES - console_feed.PIECE_BYTES)
    time.sleep(0.1)
    assert browser.end <= console_feed.WINDOW_BYTES
    browser.show_all()
    await_true(lambda: browser.end == 3 * console_feed.WINDOW_BYTES)


def test_one_that_falls_behind_what_is_retained_begins_anew_and_knows_how_much_is_missing(
        console, feed_of, monkeypatch):
    console.retained_bytes = 1 << 20
    monkeypatch.setattr(console_log, "HELD_BYTES", 2 << 20)
    browser = Browser(feed_of)
    browser.shows = False
    browser.feed.attach("one")
    write(console, bytes(1 << 20))
    await_true(lambda: browser.end >= console_feed.WINDOW_BYTES)
    write(console, bytes(4 << 20))
    console.pump()  # trims
    browser.show_all()
    await_true(lambda: browser.end == 5 << 20)
    again = [piece for piece in browser.pieces[1:] if piece.anew]
    assert len(again) == 1 and again[0].start == console.lost_bytes > 0


def test_a_burst_is_retained_for_one_that_is_behind(console, feed_of):
    console.retained_bytes = 1 << 20
    browser = Browser(feed_of)
    browser.shows = False
    browser.feed.attach("one")
    for _ in range(5):
        write(console, bytes(2 << 20))
    assert console.lost_bytes <= console_feed.WINDOW_BYTES
    browser.show_all()
    await_true(lambda: browser.end == 10 << 20)
    assert [piece.anew for piece in browser.pieces].count(True) == 1
    write(console, bytes(2 << 20))  # nobody is behind now
    await_true(lambda: browser.end == 12 << 20)
    console.pump()
    assert console.lost_bytes >= 10 << 20


def test_one_that_comes_late_gets_the_end_from_a_lines_beginning(console, feed_of):
    written = b"".join(b"%07d\n" % number for number in range(300_000))
    write(console, b"x" + written)
    browser = Browser(feed_of)
    assert browser.feed.attach("one") is True
    await_true(lambda: browser.end == len(written) + 1)
    assert len(browser.data) <= console_feed.REPLAY_BYTES and len(browser.data) % 8 == 0
    assert browser.data == written[-len(browser.data):]
    assert {piece.replay_end for piece in browser.pieces} == {len(written) + 1}


def test_nothing_is_sent_to_one_that_is_gone_and_it_goes_on_where_it_was(
        console, feed_of, monkeypatch):
    browser = Browser(feed_of)
    browser.feed.attach("one")
    write(console, b"first ")
    await_true(lambda: browser.data == b"first ")
    monkeypatch.setattr(console_feed, "LEASE_S", 0.1)
    browser.feed.renew("one")
    await_true(lambda: not browser.feed.browsers())
    write(console, b"second")
    time.sleep(0.1)
    assert browser.data == b"first "
    monkeypatch.undo()
    browser.feed.renew("one")
    await_true(lambda: browser.data == b"first second")
    browser.feed.detach("one")
    assert browser.feed.browsers() == []


def test_each_browser_has_its_own_place(console, feed_of):
    one = Browser(feed_of)
    one.feed.attach("one")
    write(console, b"early ")
    await_true(lambda: one.data == b"early ")
    other = Browser(lambda take: one.feed, "other")
    take_one = one.take
    one.feed._send = lambda piece: (take_one(piece), other.take(piece))
    one.feed.attach("other")
    write(console, b"late")
    await_true(lambda: other.data == b"early late" and one.data == b"early late")
    assert one.feed.browsers() == ["one", "other"]


@pytest.mark.parametrize(("text", "plain"), [
    ("\x1b[1;31mred\x1b[0m and \x1b]0;a title\x07plain\n", "red and plain\n"),
    ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
    ("one\r\ntwo\rthree", "one\ntwo\nthree"),
    ("\x1b(B\x1b=\x1b[?1049h\x1b[2Jscreen\x1b[10;20Hat", "screenat"),
    ("cut off \x1b[3", "cut off "), ("bell\x07 nul\x00 tab\t", "bell nul tab\t"),
    ("\x1bPq#0\x1b\\after", "after"), ("ä€ stays", "ä€ stays")])
def test_plain_text_has_no_controls(text, plain):
    assert without_controls(text) == plain


class _Typed:
    """A guest that only takes input."""

    name = "typed"

    def __init__(self) -> None:
        self.console, self.taken = self, b""

    def send(self, data: bytes, timeout: float) -> None:
        self.taken += data


def _sent(messages: list[tuple[str, int, bytes]]) -> bytes:
    guest = _Typed()
    keys = ConsoleKeys(guest, pytest.fail)
    for message in messages:
        keys.typed(*message)
    deadline = time.monotonic() + 60
    while keys.waiting_bytes and time.monotonic() < deadline:
        time.sleep(0.001)
    return guest.taken


def test_what_is_typed_is_given_in_its_order_whatever_order_the_kernel_hears_it_in():
    assert _sent([("a", 1, b"n"), ("a", 0, b"o"), ("a", 2, b"e"), ("b", 0, b"!")]) == b"one!"


def test_a_message_that_never_comes_holds_up_no_more_than_some_others():
    text = bytes(range(65, 75)) * 30
    assert _sent([("a", 1 + at, text[at:at + 1]) for at in range(len(text))]) == text


def test_a_message_that_comes_twice_or_has_no_number_is_given_at_once():
    assert _sent([("a", 0, b"x"), ("a", 0, b"y"), ("a", 1, b"z")]) == b"xyz"
