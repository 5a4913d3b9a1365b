"""What gcc and ld really say about broken programs, as the user reads it."""

import subprocess

import pytest
from tiny_guest import build

from kernel_magics.errors import BuildError


def failure(tmp_path, text, **options):
    with pytest.raises(BuildError) as caught:
        build(tmp_path, text, **options)
    return caught.value


def only(diagnostics):
    (one,) = diagnostics
    return one


def test_missing_semicolon_is_shown_under_the_cells_line(tmp_path):
    error = failure(tmp_path, "int x = 3\nint main(void)\n{\n\treturn y\n}\n", first_line=2)
    one = only(error.diagnostics)
    assert (one.file, one.line, one.column, one.severity) == ("hello.c", 3, 1, "error")
    assert one.source_line == "int main(void)"
    assert str(error) == (
        "hello.c:3:1: error: expected ‘,’ or ‘;’ before ‘int’\n"
        "    3 | int main(void)\n"
        "      | ^~~")


def test_excerpt_is_what_gcc_itself_prints(tmp_path):
    """The compiler is the oracle of the text form: place, caret, range and fix-it."""
    text = ('#include <stdio.h>\nstruct point { int ab; };\n'
            'int main(void)\n{\n  struct point q;\n  q.abc = 1;\n'
            '  printf("%s\\n", q.ab + 1);\n  return q.ab * unknown;\n}\n')
    (tmp_path / "hello.c").write_text(text)
    said = subprocess.run(["gcc", "-O2", "-Wall", "-fno-diagnostics-show-labels",
                           "-c", "hello.c", "-o", "x.o"], cwd=tmp_path,
                          capture_output=True, text=True, env={"PATH": "/usr/bin:/bin",
                                                               "LC_ALL": "C.UTF-8"}).stderr
    lines = [line for line in said.splitlines() if "In function" not in line]
    assert str(failure(tmp_path / "cache", text)).splitlines() == lines
    assert len(lines) > 10


def test_all_errors_and_warnings_are_records(tmp_path):
    error = failure(tmp_path, "int f(void) { int unused; return one; }\n"
                              "int main(void) { return two; }\n")
    assert {(one.severity, one.line) for one in error.diagnostics} == {
        ("error", 1), ("warning", 1), ("error", 2)}
    assert "-Wunused-variable" in {one.option for one in error.diagnostics}


def test_columns_count_characters_not_bytes(tmp_path):
    error = failure(tmp_path, 'const char *s = "äöü€"; int x = nix;\nint main(void) {}\n')
    one = error.diagnostics[0]
    assert one.source_line[one.column - 1:][:3] == "nix"
    excerpt = one.text().splitlines()
    assert excerpt[2].index("^") == excerpt[1].index("nix")


def test_long_line_is_cut_around_the_place(tmp_path):
    filler = " + ".join(["1"] * 400)
    error = failure(tmp_path, f"int main(void) {{ return {filler} + nix + {filler}; }}\n")
    excerpt = error.diagnostics[0].text().splitlines()
    assert max(map(len, excerpt[1:])) < 130
    assert excerpt[1][excerpt[2].index("^"):].startswith("nix")


def test_many_errors_are_cut_and_counted(tmp_path):
    body = "\n".join(f"int f{number} = nix{number};" for number in range(40))
    error = failure(tmp_path, f"{body}\nint main(void) {{ return 0; }}\n")
    assert str(error).count(": error: ") == 10
    assert "… and 30 more errors" in str(error)
    assert len(error.diagnostics) == 40


def test_missing_header(tmp_path):
    error = failure(tmp_path, "#include <nowhere.h>\nint main(void) { return 0; }\n")
    assert "nowhere.h: No such file or directory" in str(error)
    assert error.diagnostics[0].line == 1
    assert error.next_step.startswith('name the folder that has it: --cflags "-I FOLDER"')


@pytest.mark.parametrize(("header", "step"), [
    ("iostream", "<iostream> is a header of C++: --lang c++"),
    ("execinfo.h", "<execinfo.h> is glibc's, and guests are linked with musl, which has none")])
def test_a_header_that_musl_cannot_have_is_explained(tmp_path, header, step):
    error = failure(tmp_path, f"#include <{header}>\nint main(void) {{ return 0; }}\n")
    assert error.next_step == step


def test_an_error_that_says_all_has_no_further_step(tmp_path):
    assert failure(tmp_path, "int main(void) { return x; }\n").next_step == ""


def test_undefined_function_names_user_and_line(tmp_path):
    error = failure(tmp_path, "int foo(int);\nint main(void)\n{\n  return foo(1);\n}\n")
    assert error.next_step.startswith("define foo, correct its name, or name the library")
    assert error.message == (
        "hello.c:4:10: error: undefined function `foo`, used in main (line 4)\n"
        "    4 |   return foo(1);\n"
        "      |          ^~~")


def test_undefined_variable(tmp_path):
    error = failure(tmp_path, "extern int total;\nint main(void) { return total; }\n")
    assert "undefined symbol `total`, used in main (line 2)" in str(error)


def test_each_undefined_symbol_once_in_line_order(tmp_path):
    error = failure(tmp_path, "int a(void), b(void);\nint f(void) { return b() + b(); }\n"
                              "int main(void) { return f() + a(); }\n")
    links = [one for one in error.diagnostics if "undefined" in one.message]
    assert [(one.line, "`a`" in one.message) for one in links] == [(2, False), (3, True)]


def test_no_main(tmp_path):
    error = failure(tmp_path, "int other(void) { return 1; }\n")
    assert str(error).startswith("error: the program has no main function")


def test_two_mains_in_one_source(tmp_path):
    error = failure(tmp_path, "int main(void) { return 0; }\nint main(void) { return 1; }\n")
    assert "redefinition of ‘main’" in str(error)
    assert "note: previous definition" in str(error)


def test_two_mains_in_two_sources(tmp_path):
    from tiny_guest import RUNTIME

    from kernel_magics.build import BuildCache, BuildRequest, RumpkitKit, Source

    sources = (Source("int main(void) { return 0; }\n", "one.c"),
               Source("\n\nint main(void) { return 1; }\n", "two.c"))
    with pytest.raises(BuildError) as caught:
        RumpkitKit(BuildCache(tmp_path), RUNTIME).build(BuildRequest("two", sources))
    one = only(caught.value.diagnostics)
    assert (one.file, one.line) == ("two.c", 3)
    assert one.message == "`main` is defined twice: first in one.c (line 1)"


def test_unknown_library(tmp_path):
    error = failure(tmp_path, "int main(void) { return 0; }\n", ldflags=("-lnowhere",))
    assert "there is no library -lnowhere for guests" in str(error)


def test_unknown_compiler_option_is_passed_on(tmp_path):
    error = failure(tmp_path, "int main(void) { return 0; }\n", cflags=("-fno-such-thing",))
    assert "unrecognized command-line option" in str(error)
    assert "does not build" in str(error)


def test_warnings_are_kept_and_shown(tmp_path):
    image = build(tmp_path, "int main(void) { int unused; return 0; }\n")
    assert only(image.warnings).option == "-Wunused-variable"
    assert "[-Wunused-variable]" in repr(image)
    again = build(tmp_path, "int main(void) { int unused; return 0; }\n")
    assert again.cached and again.warnings == image.warnings
