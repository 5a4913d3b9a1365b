"""C expressions as conditions: their values, and what is none."""

import random

import pytest

from kernel_magics.errors import UsageError
from kernel_magics.inspect.debugger.expressions import parse


class Numbers:
    """Names that are plain numbers; see expressions.Names."""

    def __init__(self, **values):
        self.values = values

    def variable(self, name):
        return self.values[name]

    def register(self, name):
        return {"rax": 0x1234, "rip": 0x100000}[name]

    def is_type(self, name):
        return name in ("int", "size_t")

    def cast(self, type_name, value):
        return (type_name, value)

    def text(self, value):
        return {1: "one", 2: "two"}[value]

    def member(self, value, name):
        return value[name]

    def element(self, value, which):
        return value[which]

    def count(self, value):
        return len(value)

    def size(self, what):
        return 8 if isinstance(what, str) else 4


def value(text, **values):
    """Return the value of an expression."""
    return parse(text).compute(Numbers(**values))


@pytest.mark.parametrize(("text", "result"), [
    ("1 + 2 * 3", 7), ("(1 + 2) * 3", 9), ("7 / 2", 3), ("-7 / 2", -3), ("7 % 3", 1),
    ("1 << 4 | 1", 17), ("6 & 3 ^ 1", 3), ("1 == 1 != 0", True), ("!0 && !!5", 1),
    ("0 || 0", 0), ("~0", -1), ("0x10", 16), ("010", 8), ("10UL", 10), ("1.5 * 2", 3.0),
    ("'a'", 97), (r"'\n'", 10), ("1 ? 2 : 3", 2), ("0 ? 2 : 0 ? 4 : 5", 5), ("3 - 2 - 1", 0),
    ("$rax & 0xff", 0x34), ("2 > 1 && 1 >= 1 && 1 <= 1 && 0 < 1", 1), ("0", 0),
    ("sizeof(struct node)", 8), ("sizeof 3", 4)])
def test_values(text, result):
    assert value(text) == result


def test_variables_and_strings():
    assert value("i == 3 && j", i=3, j=7) == 1
    assert value('name == "two"', name=2) and not value('name == "two"', name=1)
    assert value('"one" != name', name=2)


def test_what_is_decided_is_not_computed():
    assert value("0 && missing") == 0
    assert value("1 || missing") == 1


@pytest.mark.parametrize(("text", "wanted"), [
    ("(int)5", ("int", 5)), ("(struct node *)16", ("struct node *", 16)),
    ("(size_t)i", ("size_t", 4)), ("(unsigned char *)i", ("unsigned char *", 4))])
def test_casts(text, wanted):
    assert value(text, i=4) == wanted


def test_a_name_in_parentheses_is_no_cast():
    assert value("(i) + 1", i=4) == 5
    assert value("(i) - 1", i=4) == 3


@pytest.mark.parametrize("text", [
    "", "  ", "i ==", "== 3", "n = 3", "i +", "(1", "1)", "a[1", "p->", "f(1)", "1 2", "i @ 2",
    "\"open", "?", "1 ? 2", "#", "a.3", "()", "(" * 500 + "1", "-" * 500 + "1", "x" * 3000])
def test_what_is_no_expression_is_one_clear_error(text):
    with pytest.raises(UsageError) as refused:
        parse(text)
    assert refused.value.message and refused.value.next_step


def test_the_error_points_at_the_place():
    with pytest.raises(UsageError) as refused:
        parse("count = 3")
    assert refused.value.message.splitlines()[1:] == ["  count = 3", "        ^"]


def test_noise_is_an_expression_or_an_error_and_never_a_crash():
    chance = random.Random(3)
    pieces = ["i", "1", "+", "-", "*", "&", "(", ")", "[", "]", "->", ".", "==", "?", ":", '"s"',
              "$rax", "sizeof", "struct", "int", "&&", "!", " "]
    for _ in range(3000):
        text = "".join(chance.choice(pieces) for _ in range(chance.randrange(1, 12)))
        try:
            parse(text)
        except UsageError:
            continue
