"""Real images for tests of build/ and inspect/, from a runtime of forty lines."""

from pathlib import Path

from kernel_magics.build import BuildCache, BuildRequest, GuestImage, RumpkitKit, Source

RUNTIME = Path(__file__).parent / "tiny_runtime"

HELLO = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'


def request(text: str, name: str = "hello", **options) -> BuildRequest:
    """A request to build one C source called NAME.c."""
    return BuildRequest(name, (Source(text, f"{name}.c", options.pop("first_line", 1)),),
                        **options)


def build(cache: Path, text: str = HELLO, name: str = "hello", **options) -> GuestImage:
    """Build one C source with the tiny runtime, cached in the folder `cache`."""
    kit = RumpkitKit(BuildCache(cache), RUNTIME)
    return kit.build(request(text, name, **options))
