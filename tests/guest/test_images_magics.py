"""%rumpsym's and %rumpdiff's ways of asking, in a real shell."""

import pytest
from capabilities import need
from test_magics_session import session  # noqa: F401 - a fixture

from kernel_magics.errors import UsageError

ONE = """%%rumpbuild one
#include <stdio.h>
__attribute__((noinline)) int twice(int x) { return 2 * x; }
int main(int argc, char **argv) { printf("%d\\n", twice(argc)); return 0; }
"""
TWO = ONE.replace("one", "two", 1).replace("2 * x", "3 * x")


@pytest.fixture
def built(session):  # noqa: F811
    need("compiler")
    session.run(ONE)
    session.run(TWO)
    return session


def test_rumpsym_answers_about_one_symbol(built):
    code, said = built.run("%rumpsym one twice --code")
    assert len(code) > 1 and "one.c:" in said and "return 2 * x" in said
    callers, _ = built.run("%rumpsym one twice --callers")
    assert [symbol.name for symbol in callers] == ["main"]
    why, said = built.run("%rumpsym one vfprintf --why")
    assert "for printf, which one.c uses" in said and len(why) == 2
    found, _ = built.run(f"%rumpsym one {code.instructions[0].address:#x}")
    assert list(found.df["name"]) == ["twice"]
    found, _ = built.run("%rumpsym one --object libc.a(vfprintf*")
    assert set(found.df["layer"]) == {"libc"} and len(found) > 1
    tree, said = built.run("%rumpsym one --tree 2 --layer libc")
    assert tree.name == "libc" and "libc.a" in said


def test_rumpdiff_compares_images_code_and_boots(built):
    diff, said = built.run("%rumpdiff one two")
    assert "one → two: 0 B" in said and "rewritten: twice" in said and diff.before.name == "one"
    code, said = built.run("%rumpdiff one two --code twice")
    assert not code.is_same and "gone" in said
    assert built.run("%rumpdiff one two --rewritten")[0] == ["twice"]
    built.run("%rumpboot one --memory 16")
    built.run("%rumpboot two --memory 16")
    boots, said = built.run("%rumpdiff one two --boots")
    assert "main" in boots.df.index and "ms" in said


@pytest.mark.parametrize(("line", "message"), [
    ("%rumpsym one --code", "need the name of a symbol"),
    ("%rumpsym one twise --code", "did you mean twice"),
    ("%rumpsym one 0x1 --code", "no part of the image"),
    ("%rumpsym one 0x1", "no symbol of one covers 0x1"),
    ("%rumpsym one --tree 1 --layer nett", "has nothing in layer 'nett'"),
    ("%rumpsym one nothing --why", "no object and no symbol"),
    ("%rumpdiff one three", "no guest and no image is called 'three'"),
    ("%rumpdiff one", "AFTER is missing"),
    ("%rumpdiff one two --by file", "file"),
    ("%rumpdiff one two --code nothing_like_it", "no symbol 'nothing_like_it'"),
    ("%rumpdiff one two --boots", "compares guests, and one is an image"),
])
def test_every_mistake_is_one_clear_error(built, line, message):
    result, said = built.fail(line)
    assert not result.success
    assert message in said and "Traceback" not in said
    assert len(said.strip().splitlines()) <= 3


def test_a_function_that_was_inlined_is_said_to_be(lab):
    image = lab.build("static int twice(int n) { return 2 * n; }\n"
                      "int main(int argc, char **argv) { (void)argv; return twice(argc); }\n",
                      "inlined")
    with pytest.raises(UsageError, match="put it into those that call it") as caught:
        image.symbols.find("twice")
    assert "-fno-inline" in caught.value.next_step
    kept = lab.build(image.sources[0].text, "kept", cflags="-fno-inline -fno-ipa-cp -O1")
    assert kept.symbols.find("twice").kind == "function"
