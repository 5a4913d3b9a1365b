"""What the linker said, in plain words.

GNU ld writes sentences.  Those a student meets (a function nobody wrote, one written
twice, no main, a library guests do not have) become diagnostics at the line of the
program that is concerned; the rest stays in the build log.
"""

import re

from kernel_magics.build.diagnostics import Diagnostic, SourceLines

__all__ = ["parse_linker"]

_IN_FUNCTION = re.compile(r"in function `(?P<function>.+)':$")
_UNDEFINED = re.compile(r"(?P<place>.*?):? ?undefined reference to `(?P<symbol>.+)'$")
_MULTIPLE = re.compile(r"(?P<place>.*): multiple definition of `(?P<symbol>.+)'; "
                       r"(?P<first>.*): first defined here$")
_NO_LIBRARY = re.compile(r"cannot find (?P<library>-l\S+?)(: No such file or directory)?$")
_NO_FILE = re.compile(r"cannot find (?P<file>[^-\s]\S*): No such file or directory$")
_WRONG_FILE = re.compile(r"(?:^|: )(?P<file>\S+): file (?:not recognized|in wrong format)|"
                         r"skipping incompatible (?P<skipped>\S+) when|"
                         r"(?P<other>\S+): Relocations in generic ELF")
_PLACE = re.compile(r"(?P<file>[^:\s]+):(?P<line>\d+)$")
OF_RUMPKIT = "they have musl's libc, which includes libm and libpthread"
_ENTRY_NAMES = ("main", "__real_main", "__wrap_main")


def parse_linker(output: str, lines: SourceLines,
                 libraries: str = OF_RUMPKIT) -> list[Diagnostic]:
    """Return what `output`, the linker's standard error, means; each symbol once.

    `libraries` says which there are, for a program that wants another one.
    """
    found: dict[tuple[str, str], Diagnostic] = {}
    function = ""
    for text in output.splitlines():
        context = _IN_FUNCTION.search(text)
        if context:
            function = context["function"]
            continue
        for key, diagnostic in _recognise(text, function, lines, libraries):
            found.setdefault(key, diagnostic)
    return sorted(found.values(), key=lambda one: (one.file, one.line))


def _recognise(text: str, function: str, lines: SourceLines,
               libraries: str) -> list[tuple[tuple[str, str], Diagnostic]]:
    if match := _UNDEFINED.match(text):
        return [(("undefined", match["symbol"]), _undefined(match, function, lines))]
    if match := _MULTIPLE.match(text):
        return [(("multiple", match["symbol"]), _multiple(match, lines))]
    if match := _NO_LIBRARY.search(text):
        message = f"there is no library {match['library']} for guests; {libraries}"
        return [(("library", match["library"]), Diagnostic("", 0, 0, "error", message))]
    if match := _NO_FILE.search(text):
        message = f"there is no file {match['file']} to link"
        return [(("file", match["file"]), Diagnostic("", 0, 0, "error", message))]
    if match := _WRONG_FILE.search(text):
        name = next(filter(None, match.groups())).rsplit("/", 1)[-1]
        message = f"{name} is no object file or library for x86-64"
        return [(("format", name), Diagnostic("", 0, 0, "error", message))]
    return []


def _place(text: str, lines: SourceLines) -> tuple[str, int]:
    """Return file and line of the program's own source, or "" and 0 for others."""
    match = _PLACE.search(text.strip())
    if not match:
        return "", 0
    file = match["file"].rsplit("/", 1)[-1]
    return (file, int(match["line"])) if lines.own(file) else (match["file"], int(match["line"]))


def _undefined(match: re.Match[str], function: str, lines: SourceLines) -> Diagnostic:
    symbol = match["symbol"]
    if symbol in _ENTRY_NAMES:
        return Diagnostic("", 0, 0, "error", "the program has no main function; "
                          "a guest starts at int main(void)")
    file, number = _place(match["place"], lines)
    text = lines.line(file, number)
    spans = _find_word(text, symbol)
    what = "function" if "(" in symbol or f"{symbol}(" in text.replace(" ", "") else "symbol"
    user = f", used in {function}" if function else ""
    if function and number:
        user += f" (line {number})"
    message = f"undefined {what} `{symbol}`{user}"
    return Diagnostic(file, number, spans[0][0] if spans else 0, "error", message, text, spans)


def _multiple(match: re.Match[str], lines: SourceLines) -> Diagnostic:
    symbol = match["symbol"]
    file, number = _place(match["place"], lines)
    first_file, first_number = _place(match["first"], lines)
    text = lines.line(file, number)
    spans = _find_word(text, symbol)
    where = f"first in {first_file}" + (f" (line {first_number})" if first_number else "") \
        if first_file else f"also in {_archive_member(match['first'])}"
    return Diagnostic(file, number, spans[0][0] if spans else 0, "error",
                      f"`{symbol}` is defined twice: {where}", text, spans)


def _archive_member(place: str) -> str:
    member = re.search(r"(\w+\.a)\((\w+)\.l?o\)", place)
    return f"{member[2]} of {member[1]}" if member else place.rsplit("/", 1)[-1]


def _find_word(text: str, symbol: str) -> tuple[tuple[int, int], ...]:
    name = symbol.split("(", 1)[0].rsplit("::", 1)[-1]
    match = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)
    return ((match.start() + 1, match.end() + 1),) if match else ()
