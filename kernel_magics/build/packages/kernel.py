"""The runtime without a program of its own: the kernel of every guest made of packages."""

from hashlib import sha256
from pathlib import Path
from typing import Any

from kernel_magics.build.cache import BuildCache, digest
from kernel_magics.build.elf import ElfFile
from kernel_magics.build.image import entry_files, header_address, link_files
from kernel_magics.build.runtime import find_runtime
from kernel_magics.build.stripping import strip
from kernel_magics.build.toolchain import find_toolchain, run_tool
from kernel_magics.errors import BuildError

__all__ = ["KERNEL_NAME", "find_kernel"]

KERNEL_NAME = "rumpkit"
RECIPE = "2"  # changes when this file makes another kernel from the same inputs
# There is no program to wrap: the runtime starts one from the root file system.
LINK_FLAGS = ("-static", "-no-pie", "-nostdlib", "-Wl,--build-id=sha1", "-Wl,-z,noexecstack",
              "-Wl,--defsym=__real_main=0")


def find_kernel(cache: BuildCache, sources: Path | None = None) -> tuple[Path, dict[str, Any]]:
    """Return the kernel's folder and record in the build cache, linking it first if needed.

    Raises BuildError or HostError as `find_runtime` does.
    """
    runtime, chain = find_runtime(sources), find_toolchain()
    key = digest("kernel", RECIPE, runtime.hash, chain.identity)
    found = cache.find(key)
    if found:
        return found
    full, bare = entry_files(KERNEL_NAME)
    with cache.staging() as folder:
        command = [str(chain.compiler), *LINK_FLAGS, f"-Wl,-T,{runtime.link_script}",
                   f"-Wl,-Map={link_files(KERNEL_NAME)[0]}", "-o", full, str(runtime.object)]
        code, log = run_tool(command, cwd=folder, env={"TMPDIR": str(folder)})
        if code:
            raise BuildError(f"the runtime does not link without a program:\n{log.strip()}",
                             log=log, command=command, diagnostics=())
        stripped = strip((folder / full).read_bytes())
        (folder / bare).write_bytes(stripped)
        record = {
            "name": KERNEL_NAME, "kit": "rumpkit", "size_bytes": len(stripped),
            "content_hash": sha256(stripped).hexdigest(),
            "header_address": header_address(ElfFile(stripped, KERNEL_NAME)),
            "sources": [], "warnings": [], "log": log}
        runtime.lend_objects(folder / link_files(KERNEL_NAME)[1])
        kept = [file for file in link_files(KERNEL_NAME) if (folder / file).exists()]
        return cache.store(key, folder, (full, bare, *kept), (), record), record
