"""What a terminal has left of output, held against a small terminal of the test's own."""

import random

import pytest

from kernel_magics.widgets.console.flood import is_plain, remains, whole

LINES = 50


def terminal(data: bytes, raw: bool) -> list[tuple[str, bytes]]:
    """Return the newest lines that a terminal shows, each with the colour its text has."""
    lines, column, colour = [[]], 0, b""
    at = 0
    while at < len(data):
        if data[at:at + 1] == b"\x1b":
            end = data.index(b"m", at) + 1
            colour = b"" if data[at:end] in (b"\x1b[m", b"\x1b[0m") else colour + data[at:end]
            at = end
            continue
        one = chr(data[at])
        if one == "\n":
            lines.append([])
            column = column if raw else 0
        elif one == "\r":
            column = 0
        else:
            lines[-1] += [(" ", b"")] * (column + 1 - len(lines[-1]))
            lines[-1][column] = (one, colour)
            column += 1
        at += 1
    return lines[-LINES:]


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_the_terminal_is_the_same_without_what_is_left_out(seed, raw):
    chosen = random.Random(seed)
    parts = [b"a", b"bc ", b"\x1b[31m", b"\x1b[1;4m", b"\x1b[0m", b"\r", b"word",
             b"\r\n" if raw else b"\n"]
    data = b"".join(chosen.choices(parts, [3, 3, 1, 1, 1, 1, 2, 5], k=3000))
    left = remains(data, raw=raw, lines=LINES)
    assert is_plain(data) and len(left) < len(data)
    assert terminal(left, raw) == terminal(data, raw)


def test_few_lines_stay_as_they_are():
    data = b"one\n" * LINES
    assert remains(data, raw=False, lines=LINES) == data
    assert remains(b"\n" * 500, raw=True, lines=LINES) == b"\n" * 500  # no line begins there
    assert remains(b"", raw=False) == b""


@pytest.mark.parametrize("data", [b"\x1b[2J", b"\x1b[3;4H", b"\x1bc", b"a\x08b", b"\x07", b"\x0c",
                                  b"\xc2\x9b1m", b"\x1b]0;t\x07", b"\x1b[?25l", b"\x1b[38:2"])
def test_what_does_more_than_lines_is_drawn(data):
    assert not is_plain(b"text\n" + data + b"\n")


@pytest.mark.parametrize("data", [b"text\t\r\n", b"\x1b[1;31mred\x1b[m", "grün €".encode(), b""])
def test_lines_and_colours_are_plain(data):
    assert is_plain(data)


def test_a_piece_does_not_end_within_a_sequence():
    assert whole(b"text\x1b[1") == whole(b"text\x1b[") == whole(b"text\x1b") == b"text"
    assert whole(b"text\xc2") == b"text" and whole(b"\x1b[1") == b"\x1b[1"
    assert whole(b"text\x1b[1m") == b"text\x1b[1m"
