"""The magics' command lines: what a line means, and what is said about a wrong one."""

import re

import pytest

from kernel_magics.errors import UsageError
from kernel_magics.magics import COMMANDS
from kernel_magics.magics.arguments import Argument, Command, Option, nearest
from kernel_magics.magics.values import flags, pattern, seconds, variable, whole
from kernel_magics.magics.yamlbody import read_body

GREET = Command(
    "greet", "greet somebody",
    arguments=(Argument("WHO", "whom"), Argument("WHERE", "where", required=False)),
    options=(Option("--times", "how often", "N", kind=whole, default=1, aliases=("--n",)),
             Option("--mood", "how", "MOOD", default="glad", choices=("glad", "sad")),
             Option("--env", "a variable", "NAME", repeat=True),
             Option("--loud-and-clear", "shout")),
    rest="further words", body="what to say", examples=("%greet Ada",))

PLAIN = Command("plain", "do nothing else")


def test_a_line_becomes_values():
    values = GREET.parse('Ada --times 3 "the garden" --loud-and-clear -- --not "an option"')
    assert vars(values) == {"who": "Ada", "where": "the garden", "times": 3, "mood": "glad",
                            "env": (), "loud_and_clear": True,
                            "rest": ("--not", "an option")}


def test_defaults_aliases_and_repetition():
    values = GREET.parse("Ada --n=2 --env A --env=B=C")
    assert (values.times, values.env, values.where, values.rest) == (2, ("A", "B=C"), None, ())
    assert values.loud_and_clear is False


@pytest.mark.parametrize(("line", "message", "step"), [
    ("", "WHO is missing", "usage: %greet WHO"),
    ("a b c 'd e'", "'c' is one word too many", "further words follow --: %greet a b -- c 'd e'"),
    ("a -times 3", "no option -times", "did you mean --times? options:"),
    ("a -mood=sad", "no option -mood=sad", "did you mean --mood? options:"),
    ("a --tmies 3", "no option --tmies", "did you mean --times? options: --times, --mood"),
    ("a --xyzzy", "no option --xyzzy", "options: --times, --mood, --env, --loud-and-clear"),
    ("a --mood gald", "--mood: 'gald' is not one it knows",
     "did you mean glad? choices: glad, sad"),
    ("a --times", "--times needs a value, N", "--times N: how often"),
    ("a --times many", "--times: 'many' is not a whole number", "--times N: how often"),
    ("a --times 0", "--times: '0' is not a whole number", "--times N: how often"),
    ("a --loud-and-clear=yes", "--loud-and-clear takes no value", ""),
    ("a 'b", "no closing quotation in: a 'b", "close the quote"),
])
def test_a_wrong_line_is_told_once_with_what_is_valid(line, message, step):
    with pytest.raises(UsageError) as caught:
        GREET.parse(line)
    assert caught.value.message.startswith(f"%greet: {message}")
    assert caught.value.next_step.startswith(step)
    assert "\n" not in caught.value.message


def test_a_command_without_further_words_says_so():
    with pytest.raises(UsageError, match="'a' is one word too many\nusage: %plain; %plain"):
        PLAIN.parse("a")
    with pytest.raises(UsageError, match="nothing may follow --"):
        PLAIN.parse("-- word")


def test_the_manual_has_every_option_its_default_and_its_choices():
    manual = GREET.manual()
    assert manual.startswith("%greet: greet somebody.\n")
    assert "%greet WHO [WHERE] [options] [-- WORD ...]" in manual
    assert "%%greet WHO" in manual
    for words in ("--times, --n N", "how often (default 1)", "how: glad, sad (default glad)",
                  "(may be repeated)", "further words", "what to say"):
        assert words in manual, words


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_every_magic_has_a_manual_that_is_complete_and_fits_a_screen(command):
    manual = command.manual()
    assert max(len(line) for line in manual.splitlines()) <= 100
    for option in command.options:
        assert re.search(rf"^  .*{option.flag}\b", manual, re.MULTILINE), option.flag
        assert option.help.split()[0] in manual
    assert command.examples


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_every_example_of_a_manual_is_a_valid_line(command):
    for example in command.examples:
        found = re.match(r"(?:\w+ = )?%+(\w+) ?(.*)", example)
        if found[1] == command.name:
            command.parse(found[2])


@pytest.mark.parametrize(("text", "expected"), [
    ("5", 5), ("0.5s", 0.5), ("200ms", 0.2), ("2m", 120), (".5", 0.5)])
def test_times_have_units(text, expected):
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "s", "-1", "5 h", "nan", "1e9", "five"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="not a time such as"):
        seconds(text)


@pytest.mark.parametrize(("convert", "text", "reason"), [
    (variable, "A", "not of the form NAME=VALUE"), (variable, "=x", "not of the form NAME=VALUE"),
    (pattern, "(", "not a regular expression"), (flags, "-D'x", "not a list of flags"),
    (whole, "1.5", "not a whole number"), (whole, "-3", "not a whole number")])
def test_a_value_that_is_none_says_what_it_is_not(convert, text, reason):
    with pytest.raises(ValueError, match=reason):
        convert(text)


def test_values_keep_what_they_hold():
    assert variable("A=b=c") == ("A", "b=c")
    assert flags("-O3 '-DX=a b'") == ("-O3", "-DX=a b")
    assert pattern(r"\d+") == r"\d+"


def test_nearest_offers_nothing_where_there_is_nothing():
    assert nearest("x", [], "guests") == "there are no guests"


def test_a_yaml_body_keeps_order_and_line_numbers():
    body = "memory: 64\n\n# a comment\nargv: [hello, two words]\nenv: {A: 1}\n"
    assert list(read_body(body, first_line=2)) == [
        ("memory", 64, 2), ("argv", ["hello", "two words"], 5), ("env", {"A": 1}, 6)]


def test_an_empty_body_sets_nothing():
    assert list(read_body("# nothing\n", first_line=2)) == []


@pytest.mark.parametrize(("body", "message"), [
    ("memory: 64\nargv: [one, two", "line 3: expected ',' or ']'"),
    ("memory: 64\n  env: 1", "line 3: mapping values are not allowed"),
    ("just words", "is not a list of settings"),
    ("- a\n- b", "is not a list of settings"),
    ("memory: 1\nmemory: 2", "line 3: memory is set a second time"),
])
def test_a_body_that_cannot_be_read_names_the_line(body, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        list(read_body(body + "\n", first_line=2))


def test_two_ports_in_a_body_are_no_number_in_base_60():
    body = "port: [8080:22, 80]\nmemory: 64\nargv: [0x10, 007, -3, 1.5]\n"
    assert [value for _, value, _ in read_body(body, first_line=2)] == [
        ["8080:22", 80], 64, [16, "007", -3, 1.5]]


BOOT = next(command for command in COMMANDS if command.name == "rumpboot")


def test_devices_of_a_line_are_what_the_library_takes():
    values = BOOT.parse("web --port 8080:80 --port 53/udp --disk d.img:/data:ext2:ro "
                        "--share notes:/notes --net user --capture --machine q35")
    assert [str(port) for port in values.port] == ["8080:80", "0:53/udp"]
    assert (values.disk[0].mountpoint, values.disk[0].read_only) == ("/data", True)
    assert (str(values.share[0].path), values.share[0].mountpoint) == ("notes", "/notes")
    assert (values.net, values.capture, values.machine) == ("user", True, "q35")


def test_a_guest_without_devices_asks_for_none():
    values = BOOT.parse("hello")
    assert (values.port, values.disk, values.share, values.net) == ((), (), (), None)
    assert values.memory is None


@pytest.mark.parametrize(("line", "message"), [
    ("web --port eighty", "--port: 'eighty' is not a port such as 8080:80"),
    ("web --port 70000:80", "--port: '70000:80' is not a port"),
    ("web --disk d.img:/data:fat", "--disk: 'd.img:/data:fat' is not a disk such as data.img"),
    ("web --share notes", "--share: 'notes' is not a shared folder such as notes:/notes"),
    ("web --machine pdp11", "--machine: 'pdp11' is not one it knows"),
])
def test_a_wrong_device_is_told_once(line, message):
    with pytest.raises(UsageError) as caught:
        BOOT.parse(line)
    assert caught.value.message.startswith(f"%rumpboot: {message}")
    assert caught.value.next_step
