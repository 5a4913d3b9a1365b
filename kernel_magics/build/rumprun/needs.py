"""What a program's text names that its guest will not have: file systems, devices and address
families of components that were not baked in.

Nothing of this is seen by a linker: the program would get EAFNOSUPPORT, ENODEV or ENOENT.

Source: NetBSD's mount(2), socket(2) and section 4 of its manual; the names of its libraries.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from kernel_magics.build.diagnostics import Diagnostic
from kernel_magics.build.kits import Source
from kernel_magics.build.rumprun.missing import how_to_add
from kernel_magics.build.rumprun.toolchain import RumprunToolchain

__all__ = ["missing_needs"]

FAMILIES = {"INET": "rumpnet_netinet", "INET6": "rumpnet_netinet6", "UNIX": "rumpnet_local",
            "LOCAL": "rumpnet_local", "BLUETOOTH": "rumpnet_netbt"}
DEVICES = {"audio": "rumpdev_audio", "sound": "rumpdev_audio", "mixer": "rumpdev_audio",
           "crypto": "rumpdev_opencrypto", "tap": "rumpnet_tap", "npf": "rumpnet_npf",
           "bpf": "rumpdev_bpf", "pci": "rumpdev_pci", "usb": "rumpdev_usb",
           "vnd": "rumpdev_vnd", "md": "rumpdev_md"}
_FAMILY = re.compile(r"\b[AP]F_(" + "|".join(FAMILIES) + r")\b")
_DEVICE = re.compile(r'"/dev/(' + "|".join(DEVICES) + r')\d*[a-p]?"')
_MOUNT = re.compile(r'\bMOUNT_([A-Z0-9]+)\b|\bmount\s*\(\s*"(\w+)"')
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


def missing_needs(sources: Sequence[Source], components: Iterable[str],
                  toolchain: RumprunToolchain) -> list[Diagnostic]:
    """Return a warning for each component that the sources' words need and the image lacks.

    The first place of each is named.  A component that the toolchain was built without is
    named too.
    """
    baked, found = set(components), {}
    for source in sources:
        text = _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), source.text)
        for number, line in enumerate(text.splitlines(), source.first_line):
            for match, component in _needs(line):
                if component not in baked and (component not in found):
                    column = match.start() + 1
                    found[component] = Diagnostic(
                        source.filename, number, column, "warning",
                        f"{match[0].strip()} needs {component}, which this image has not: "
                        f"{how_to_add([component], toolchain)}", source.line(number),
                        ((column, match.end() + 1),))
    return list(found.values())


def _needs(line: str) -> Iterator[tuple[re.Match[str], str]]:
    for match in _FAMILY.finditer(line):
        yield match, FAMILIES[match[1]]
    for match in _DEVICE.finditer(line):
        yield match, DEVICES[match[1]]
    for match in _MOUNT.finditer(line):
        yield match, f"rumpfs_{(match[1] or match[2]).lower()}"
