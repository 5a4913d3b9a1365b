"""The configuration that a Rumprun guest takes: what it says, and how it is written.

It is JSON with repeated keys, read by a parser that takes nothing back that an escape hides:
a text reaches the guest as it stands between the quotes.
Source: doc/config.md, lib/librumprun_base/{config,parseargs}.c and lib/libbmk_core/jsmn.c of
github.com/rumpkernel/rumprun.
"""

from collections.abc import Iterable, Mapping, Sequence

from kernel_magics.boot.devices.devices import Devices
from kernel_magics.boot.rumprun.drivers import disk_path, interface
from kernel_magics.errors import UsageError

__all__ = ["Pair", "rumprun_configuration", "render_rumprun", "parse_blk"]

Pair = tuple[str, object]
BLK_KEYS = ("source", "path", "fstype", "mountpoint")
SOURCES = ("dev", "vnd")
FSTYPES = ("blk", "kernfs")
_UNWRITABLE = '"\\'


def rumprun_configuration(programs: Sequence[Mapping[str, object]], env: Mapping[str, str],
                          hostname: str, devices: Devices, blk: object = (), *,
                          first_disk: int = 0) -> list[Pair]:
    """Return the configuration as ordered pairs; keys are repeated where upstream wants it.

    `programs` are as BootSpec has them, with argv[0] in "argv"; `blk` are further entries of
    that key; `first_disk` is the number the guest gives the first of the devices' disks.
    Raises UsageError for what such guests cannot have.
    """
    pairs: list[Pair] = [_programs(programs)]
    pairs += [("env", f"{name}={value}") for name, value in env.items()]
    pairs.append(("hostname", hostname))
    if devices.network:
        # It refuses keys that it does not know; "dns" is one of the lab's own.
        own = {"if": interface(devices.nic)}
        pairs += [("net", {key: value for key, value in {**entry, **own}.items() if key != "dns"})
                  for entry in devices.network.configuration()]
    for index, disk in enumerate(devices.disks):
        if disk.mountpoint:
            where = disk_path(devices.disk_bus, first_disk + index)
            pairs.append(("blk", {"source": "dev", "path": where, "fstype": "blk",
                                  "mountpoint": disk.mountpoint}))
    return pairs + [("blk", entry) for entry in parse_blk(blk)]


def _programs(programs: Sequence[Mapping[str, object]]) -> Pair:
    """The key "rc"; or "cmdline", which has a way to write what "rc" has none for."""
    words = [list(map(str, _argv(one))) for one in programs]
    if len(words) == 1 and _has_unwritable("".join(words[0])):
        return "cmdline", _Written(" ".join(map(_quoted, words[0])))
    return "rc", [_program(program) for program in programs]


def _argv(program: Mapping[str, object]) -> Sequence[object]:
    argv = program["argv"]
    assert isinstance(argv, Sequence)
    return argv


def _program(program: Mapping[str, object]) -> dict[str, object]:
    """Upstream's "bin" is argv[0] and its "argv" what follows; without one it crashes."""
    if program.get("workdir"):
        raise UsageError("a Rumprun guest's programs start in /",
                         next_step="leave workdir out, or let the program change its folder")
    argv = _argv(program)
    entry: dict[str, object] = {"bin": argv[0], "argv": list(argv[1:])}
    return entry | ({"runmode": program["runmode"]} if program.get("runmode") else {})


def _has_unwritable(text: str) -> bool:
    return any(letter in text for letter in _UNWRITABLE)


def _quoted(word: str) -> str:
    """Return a word as rumprun_parseargs reads it: in ' it takes what a backslash is before."""
    if "'" in word:
        raise UsageError(f"a Rumprun guest cannot be given an argument with ' when one has \" or "
                         f"\\ : {word!r}", next_step="put it into a file on a disk, or env=")
    return "'" + word.replace("\\", "\\\\").replace('"', '\\"') + "'"


class _Written(str):
    """A text that is written for the guest's parser already."""

    __slots__ = ()


def parse_blk(blk: object) -> list[dict[str, str]]:
    """Return entries of the key "blk" as mappings of texts; raises UsageError.

    Each has "source" and "path", and to be mounted "fstype" and "mountpoint".  Source:
    doc/config.md; handle_blk in lib/librumprun_base/config.c takes the file system kernfs too.
    """
    if isinstance(blk, Mapping):
        blk = [blk]
    if isinstance(blk, str) or not isinstance(blk, Iterable):
        raise _no_blk(blk)
    return [_parse_blk(entry) for entry in blk]


def _parse_blk(entry: object) -> dict[str, str]:
    if not isinstance(entry, Mapping):
        raise _no_blk(entry)
    if unknown := [key for key in entry if key not in BLK_KEYS]:
        raise UsageError(f"blk: no key is called {unknown[0]!r}",
                         next_step=f"its keys are {', '.join(BLK_KEYS)}")
    found = {key: str(entry[key]) for key in BLK_KEYS if entry.get(key)}
    if not {"source", "path"} <= set(found) or ("mountpoint" in found) != ("fstype" in found):
        raise _no_blk(dict(entry))
    if found["source"] == "etfs":
        raise UsageError("blk: the source etfs is for guests of Xen, and the lab boots machines",
                         next_step='give "dev" and a path such as /dev/ld0a')
    for key, known in (("source", SOURCES), ("fstype", FSTYPES)):
        if key in found and found[key] not in known:
            raise UsageError(f"blk: {key}={found[key]!r} is not known",
                             next_step=f"use one of {', '.join(known)}")
    return found


def _no_blk(entry: object) -> UsageError:
    return UsageError(f"blk: {entry!r} is no device to mount",
                      next_step='write {"source": "dev", "path": "/dev/ld0a", "fstype": "blk", '
                                '"mountpoint": "/data"}')


def render_rumprun(pairs: Iterable[Pair]) -> str:
    """Return pairs as the text the guest reads; raises UsageError for what none can say."""
    return "{" + ",".join(f"{_text(key)}:{_value(value)}" for key, value in pairs) + "}"


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return render_rumprun(value.items())
    if isinstance(value, list):
        return "[" + ",".join(map(_value, value)) + "]"
    return _text(str(value)) if not isinstance(value, _Written) else f'"{value}"'


def _text(text: str) -> str:
    if _has_unwritable(text):
        raise UsageError(f"a Rumprun guest's configuration has no way to write \" or \\ : {text!r}",
                         next_step="put such a text into a file on a disk")
    return f'"{text}"'
