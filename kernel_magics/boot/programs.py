"""What a guest starts: the list "rc" of its configuration (pure)."""

from collections.abc import Iterable, Mapping, Sequence

from kernel_magics.errors import UsageError

__all__ = ["parse_programs", "programs_of"]

RUNMODES = ("", "&", "|")
_KEYS = ("bin", "argv", "runmode", "workdir")


def parse_programs(rc: object) -> list[dict[str, object]]:
    """Return programs in the form of the guest's configuration, keys left open left out.

    Each has "bin" (a path in the guest's root), "argv" (by default the path), "runmode"
    ("" starts the next one after its end, "&" beside it, "|" with its output as input) and
    "workdir".  Raises UsageError.  Source: Rumprun's configuration format, key "rc".
    """
    if isinstance(rc, str | Mapping) or not isinstance(rc, Iterable):
        raise _no_program(rc)
    return [_parse(program) for program in rc]


def _parse(program: object) -> dict[str, object]:
    if not isinstance(program, Mapping):
        raise _no_program(program)
    unknown = set(program) - set(_KEYS)
    if unknown:
        raise UsageError(f"rc: a program has no {min(map(str, unknown))!r}",
                         next_step=f"its keys are {', '.join(_KEYS)}")
    path = program.get("bin")
    argv = program.get("argv", [path])
    if (not isinstance(path, str) or not path or isinstance(argv, str)
            or not isinstance(argv, Sequence) or not argv
            or not all(isinstance(word, str) and "\0" not in word for word in argv)):
        raise _no_program(program)
    if program.get("runmode", "") not in RUNMODES:
        raise UsageError(f"rc: runmode={program['runmode']!r} is not known",
                         next_step='use "", "&" (go on at once) or "|" (into the next program)')
    parsed: dict[str, object] = {"bin": path, "argv": list(argv)}
    parsed |= {key: program[key] for key in ("runmode", "workdir") if program.get(key)}
    return parsed


def _no_program(program: object) -> UsageError:
    return UsageError(f"rc: {program!r} is no program to start",
                      next_step='write [{"bin": "/usr/bin/lua5.4", "argv": ["lua5.4", "-v"]}]')


def programs_of(rc: object, image_program: str, argv: Sequence[str]) -> list[dict[str, object]]:
    """Return what the guest starts: `rc`, or the image's own program with `argv`.

    With both, `argv` is for the last program of `rc`, the one a guest is booted for.
    """
    programs = parse_programs(rc)
    if not programs:
        return [{"bin": image_program, "argv": list(argv)}]
    if argv:
        programs[-1] = {**programs[-1], "argv": list(argv)}
    return programs
