"""gdb's remote protocol: packets framed, read back, and stop replies."""

import random

import pytest

from kernel_magics.inspect.debugger.packets import PacketReader, StopReply, frame, parse_stop


def test_a_packet_has_its_checksum():
    assert frame(b"qSupported") == b"$qSupported#37"
    assert frame(b"") == b"$#00"


def test_bytes_that_mean_something_are_escaped():
    assert frame(b"a}#$*") == b"$a}]}\x03}\x04}\n#%02x" % (sum(b"a}]}\x03}\x04}\n") & 255)


def test_what_is_framed_is_read_back_however_it_is_cut():
    chance = random.Random(7)
    payloads = [chance.randbytes(chance.randrange(60)) for _ in range(200)]
    stream = b"".join(chance.choice((b"", b"+", b"++")) + frame(one) for one in payloads)
    reader, found = PacketReader(), []
    while stream:
        count = chance.randrange(1, 40)
        found += reader.feed(stream[:count])
        stream = stream[count:]
    assert found == payloads


def test_run_length_encoding_repeats_the_byte_before():
    # the protocol's own example: "0* " is "0000"
    body = b"0* x"
    packet = b"$%s#%02x" % (body, sum(body) & 255)
    assert list(PacketReader().feed(packet)) == [b"0000x"]


def test_a_wrong_checksum_is_an_error():
    with pytest.raises(ValueError, match="checksum"):
        list(PacketReader().feed(b"$OK#00"))


def test_a_packet_without_end_is_not_kept_for_ever():
    reader = PacketReader()
    with pytest.raises(ValueError, match="more than"):
        for _ in range(100):
            list(reader.feed(b"$" + b"a" * 65536))


def test_noise_is_no_packet_and_no_crash():
    chance = random.Random(11)
    for _ in range(300):
        try:
            for payload in PacketReader().feed(chance.randbytes(200)):
                parse_stop(payload)
        except ValueError:
            continue


@pytest.mark.parametrize(("payload", "stop"), [
    (b"S05", StopReply(5)),
    (b"T05thread:01;", StopReply(5)),
    (b"T02thread:01;", StopReply(2)),
    (b"T05thread:01;watch:15a0c8;", StopReply(5, "write", 0x15A0C8)),
    (b"T05rwatch:10;thread:01;", StopReply(5, "read", 0x10)),
    (b"T05awatch:ffff800000192010;", StopReply(5, "access", 0xFFFF800000192010)),
    (b"OK", None), (b"", None), (b"E22", None)])
def test_stop_replies(payload, stop):
    assert parse_stop(payload) == stop
