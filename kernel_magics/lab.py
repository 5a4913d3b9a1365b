"""Lab: what a notebook or a script holds; everything else is reached through it."""

import atexit
import shlex
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kernel_magics.inspect
import kernel_magics.trace
from kernel_magics.boot import registry
from kernel_magics.boot.devices.disks import Disk, make_disk
from kernel_magics.boot.doctor.doctor import DoctorReport, examine
from kernel_magics.boot.guest import Guest
from kernel_magics.boot.known_guests import GuestList, KnownGuests
from kernel_magics.boot.recording.recording import Recording
from kernel_magics.boot.recording.replaying import replay_guest
from kernel_magics.boot.spec import BootSpec
from kernel_magics.boot.starting import start_guest
from kernel_magics.build import GuestImage, find_kit
from kernel_magics.build.parts import read_request
from kernel_magics.build.rumprun import (
    BakeList,
    BakeRecipe,
    ComponentList,
    list_bakes,
    list_components,
    program_recipe,
)
from kernel_magics.errors import GuestError, LabError, UsageError, nearest_step
from kernel_magics.inspect.dumps.dump import Dump, open_dump
from kernel_magics.inspect.memory.heap_calls import heap_calls_flags
from kernel_magics.inspect.panics.panic import PanicReport
from kernel_magics.inspect.panics.report_reader import open_report
from kernel_magics.trace.facet import boot_trace, boot_tracer

if TYPE_CHECKING:
    from kernel_magics.trace.kits.comparison import KitComparison
    from kernel_magics.trace.recording import Recording as TraceRecording

__all__ = ["Lab"]

# Imported for what they register: image.symbols, guest.panic … and guest.trace.
FACET_PACKAGES = (kernel_magics.inspect, kernel_magics.trace)

MEMORY_MIB = 32

_open_labs: "weakref.WeakSet[Lab]" = weakref.WeakSet()


class Lab:
    """A laboratory: builds images, boots them, and knows the guests there are.

    `uri` is a libvirt URI, None for libvirt embedded in this process; `driver` "libvirt",
    or "qemu" for QEMU without libvirt.  Guests are stopped by `close`, at the end of a
    with-block or of the process, unless `keep` is true.
    """

    def __init__(self, uri: str | None = None, driver: str = "libvirt", *,
                 keep: bool = False) -> None:
        self.uri = uri
        self.driver = driver
        self.keep = keep
        BootSpec(driver=driver, uri=uri).check()
        self._images: dict[str, GuestImage] = {}
        self._guests = KnownGuests()
        registry.clean_stale()
        _open_labs.add(self)

    # Images

    def build(self, source: Any, name: str | None = None, *, lang: str = "c",
              cflags: str | Sequence[str] = (), ldflags: str | Sequence[str] = (),
              filename: str | None = None, first_line: int = 1, kit: str = "rumpkit",
              whole: bool = False, heap_calls: bool = False, bake: str = "",
              components: str | Sequence[str] = (), trace: bool = False,
              **project: Any) -> GuestImage:
        """Build a guest image from a program's text, or from the path of its source, or a list
        of paths.

        `lang` is "c" or "c++"; `filename` and `first_line` are what messages call the text
        and its first line.  For the kit "rumpkit", `whole` keeps the network, disks and shares
        in the image of a program that opens neither a socket nor a file, and `heap_calls` has
        the program note who allocates and frees its memory (guest.memory.heap.calls).

        For the kit "rumprun", an installed upstream toolchain, `bake` is one of its
        configurations (lab.bakes, by default hw_virtio; "FILE:NAME" is one of yours),
        `components` are libraries to add to it (lab.components), and `trace` links the tracing
        of hypercalls in.  `source` may also be a project's folder, a program that is not baked
        yet, an image to bake again, or a mapping {name: any of these} of programs that start in
        that order.  `project` is for folders: `system` is "cmake", "configure" or "make" if it
        has several, `settings` go to cmake or configure, `goals` to make, and `programs` are
        those to take.

        Raises UsageError, BuildError (with diagnostics), HostError or ImageError.
        """
        compiling, linking = heap_calls_flags() if heap_calls else ([], [])
        asked = read_request(source, name, filename, first_line, lang, **project)
        image = find_kit(kit).build(replace(
            asked, cflags=(*compiling, *asked.cflags, *_words(cflags)),
            ldflags=(*linking, *_words(ldflags)), whole=whole, bake=bake,
            components=_words(components), trace=trace))
        self._images[image.name] = image
        return image

    def package(self, package: str, name: str | None = None, *,
                argv: Sequence[str] | None = None, env: Mapping[str, str] | None = None,
                files: Mapping[str, bytes | str | Path] | None = None,
                packages: Sequence[str] = (), **more: Any) -> GuestImage:
        """Make a guest image that runs a program of a Debian package, as Debian ships it.

        `package` and the further `packages` are names, also NAME=VERSION; `name` is the
        image's.  `argv` is what runs (argv[0] is found in the root's PATH), `env` its
        variables, `files` are added to the root: {"/srv/index.html": bytes, text or Path}.
        `more` are further fields of PackageRequest: run, rc, contents, keep, memory_mib,
        refresh.  Raises UsageError, BuildError or HostError.
        """
        from kernel_magics.build.packages import PackageRequest, build_package

        unknown = set(more) - set(PackageRequest.__slots__)
        if unknown:
            wrong = min(unknown)
            raise UsageError(f"package has no option {wrong!r}", next_step=nearest_step(
                wrong, PackageRequest.__slots__, "see lab.package?"))
        image = build_package(PackageRequest(
            (package, *packages), name or "", _words(argv or ()), env=dict(env or {}),
            files=dict(files or {}), **more))
        self._images[image.name] = image
        return image

    def image(self, name: str | Path) -> GuestImage:
        """Return the image last built under a name, or the one in a file.

        Raises UsageError for a name that is not known, ImageError for a file that is no image.
        """
        if isinstance(name, Path) or "/" in name:
            return GuestImage.from_file(name)
        found = self._images.get(name) or self._built_before(name)
        if found is None:
            raise UsageError(f"there is no image called {name!r}",
                             next_step=nearest_step(name, self._images, "build it first")
                             + "; a file is given with its path, as ./NAME")
        return found

    def _built_before(self, name: str) -> GuestImage | None:
        last = getattr(find_kit("rumpkit"), "last", None)
        return last(name) if last else None

    def images(self) -> list[GuestImage]:
        """Return the images this lab built, by name."""
        return [self._images[name] for name in sorted(self._images)]

    # Disks and guests

    def disk(self, path: str | Path, size_mib: int | None = None, fstype: str | None = None, *,
             mountpoint: str = "", read_only: bool = False, format: str = "",
             serial: str = "", folder: str | Path | None = None) -> Disk:
        """Return a disk for `boot`; a file that does not exist is made, of `size_mib`.

        `fstype` "ext2" puts a file system on a new one (with e2fsprogs), "ffs" and "iso9660" one
        for Rumprun's guests (with makefs); `folder` is copied into it, and an ISO image has no
        other size than that of its contents.  With `mountpoint` the guest mounts it there.  A
        file that exists keeps its content.  `format` is "raw" or "qcow2", by default by the
        file's suffix.  `disk.check()` and `disk.repair()` run e2fsck on it while no guest has
        it.  Raises UsageError or HostError.
        """
        asked = Disk(Path(path), mountpoint, fstype or "", read_only, format, serial)
        return make_disk(asked, size_mib, None if folder is None else Path(folder))

    def boot(self, image: GuestImage | str | Path, memory_mib: int | None = None,
             argv: Sequence[str] | None = None, env: Mapping[str, str] | None = None,
             name: str | None = None, **spec: Any) -> Guest:
        """Boot an image and return the guest.

        `image` is one, or a name or path for `lab.image`; `argv` includes argv[0]; `name`
        is the guest's, by default the image's (with a number if that is running);
        `memory_mib` is its RAM, by default what the image says it needs, else 32; `spec`
        holds further fields of BootSpec: ports, net, disks, shares, capture, initrd, rc,
        machine, accel, driver, uri, paused, timeout …  `trace` says what is recorded from the
        first instruction on: as in guest.trace.start, also a TracePlan; or "later".
        Raises UsageError, ImageError, HostError, GuestError, BootError or TraceError; then
        nothing is left running.
        """
        called_ns = time.monotonic_ns()
        found = image if isinstance(image, GuestImage) else self.image(image)
        memory_mib = found.memory_mib or MEMORY_MIB if memory_mib is None else memory_mib
        asked = self._spec(memory_mib, argv, env, name, spec)
        asked, tracer = boot_tracer(found, asked, spec.get("trace"))
        guest = start_guest(found, asked, keep=self.keep, called_ns=called_ns, tracer=tracer)
        self._guests.add(guest)
        if asked.trace != "off":
            self._record(guest)
        return guest

    def compare_kits(self, source: Any, name: str = "program", *, until: str = "",
                     timeout: float = 60, memory_mib: int = 64,
                     build: Mapping[str, Any] | None = None, **boot: Any) -> "KitComparison":
        """Build and boot one program under rumpkit and upstream Rumprun, and compare them: bytes
        by layer, boots, hypercalls by what they are for.

        `source` is as in `build`; the guests, called NAME_rumpkit and NAME_rumprun, run one
        after the other on the same machine type ("pc"), traced, until they end, or until the
        console shows `until`, at most `timeout` seconds.  `build` holds further options of
        lab.build, as {"ldflags": "-lm", "bake": "hw_generic"}; `boot` those of lab.boot.  What
        was booted already is compared by `compare`.  Raises what lab.build and lab.boot raise.
        """
        from kernel_magics.trace.kits.runs import run_under_kits

        return run_under_kits(self, source, name, until=until, timeout=timeout,
                              memory_mib=memory_mib, build=build or {}, boot=boot)

    def compare(self, before: Any, after: Any) -> "KitComparison":
        """Compare two images or two guests, also of two kits; each may be given by its name.

        Raises UsageError, GuestError or ImageError for what is neither.
        """
        from kernel_magics.trace.kits.comparison import KitComparison

        return KitComparison(self._subject(before), self._subject(after))

    def _subject(self, what: Any) -> Any:
        if not isinstance(what, str):
            return what
        known = {guest.name: guest for guest in self.guests()}
        return known[what] if what in known else self.image(what)

    def replay(self, recording: str | Path, name: str | None = None, *,
               paused: bool = True) -> Guest:
        """Run a recording again, made by `boot(…, record=path)`, and return its guest.

        It does what the recorded guest did, instruction by instruction, and its debugger also
        goes back: `reverse_step`, `reverse_cont`, `last_write`.  It waits at its start
        unless `paused` is false.  Raises UsageError, HostError, GuestError or BootError.
        """
        guest = replay_guest(Recording.open(recording), name=name or "", paused=paused,
                             keep=self.keep)
        self._guests.add(guest)
        return guest

    def _record(self, guest: Guest) -> None:
        """Empty the guest's trace ring from the start; a guest that has none is stopped."""
        try:
            guest.trace.record()
        except LabError:
            guest.stop()
            raise

    def _spec(self, memory_mib: int, argv: Sequence[str] | None,
              env: Mapping[str, str] | None, name: str | None,
              more: Mapping[str, Any]) -> BootSpec:
        unknown = set(more) - set(BootSpec.__slots__)
        if unknown:
            wrong = min(unknown)
            raise UsageError(f"boot has no option {wrong!r}",
                             next_step=nearest_step(wrong, BootSpec.__slots__, "see lab.boot?"))
        if isinstance(argv, str):
            raise UsageError(f"argv is a list of texts, not the text {argv!r}",
                             next_step=f"pass argv={shlex.split(argv)!r}")
        given = {key: value for key, value in more.items() if value is not None}
        given |= boot_trace(given.get("trace", "off"), given.get("trace_records"))
        return BootSpec(**{
            "driver": self.driver, "uri": self.uri, **given, "memory_mib": memory_mib,
            "argv": tuple(argv or ()), "env": dict(env or {}), "name": name or ""})

    def guests(self) -> GuestList:
        """Return the guests there are, by name: this lab's, the latest ended ones included,
        and the running ones of other notebooks and of a killed notebook ("survived")."""
        return self._guests.listed()

    def guest(self, name: str) -> Guest:
        """Return a guest by name; raises GuestError naming those there are."""
        guests = {guest.name: guest for guest in self.guests()}
        if name not in guests:
            raise GuestError(f"there is no guest called {name!r}", name=name,
                             next_step=nearest_step(name, guests, "boot one with lab.boot"))
        return guests[name]

    def open_dump(self, path: str | Path) -> Dump:
        """Open a guest that `guest.dump(path)` wrote to a file; what looks inside a guest
        looks inside a dump too.  Raises ImageError if the file is none or is damaged."""
        return open_dump(path)

    def stop(self, name: str) -> None:
        """Stop a guest by name, whoever started it; raises GuestError if there is none."""
        self.guest(name).stop()

    def open_report(self, path: str | Path) -> PanicReport:
        """Return the panic report in a file that `guest.panic.save(path)` wrote; neither the
        guest nor its image is needed.  Raises UsageError if the file is something else."""
        return open_report(path)

    def open_trace(self, path: str | Path) -> "TraceRecording":
        """Return what `guest.trace.export("x.trace")` wrote; neither the guest nor, but for
        the names of addresses, its image is needed.  Raises TraceError if it is none."""
        from kernel_magics.trace.recording import Recording as TraceRecording

        return TraceRecording.open(path)

    # This machine, and the end

    @property
    def bakes(self) -> BakeList:
        """The bake configurations of the installed Rumprun toolchain, a table with `.df`; each
        has its `components`.  Raises HostError if there is no toolchain."""
        return list_bakes()

    def recipe(self, path: str | Path) -> BakeRecipe:
        """Return the bake recipe of a program that Rumprun's compiler made and nobody has baked
        yet.  Raises ImageError (attribute `path`) for any other file."""
        return program_recipe(Path(path))

    @property
    def components(self) -> ComponentList:
        """The components that can be baked, with the configurations that have them, a table
        with `.df`.  Raises HostError if there is no Rumprun toolchain."""
        return list_components()

    def doctor(self, *, refresh: bool = False) -> DoctorReport:
        """Return what this machine can do, each finding with its fix.

        `refresh` measures the accelerators again.
        """
        return examine(self.uri, refresh=refresh)

    def close(self) -> None:
        """Stop the guests this lab started, unless it keeps them, and forget them."""
        self._guests.close(self.keep)
        _open_labs.discard(self)

    def __enter__(self) -> "Lab":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        through = self.uri or ("libvirt, embedded" if self.driver == "libvirt" else "QEMU")
        return f"lab ({through})\n{self.guests()!r}"


@atexit.register
def _close_all() -> None:
    for lab in list(_open_labs):
        lab.close()


def _words(flags: str | Sequence[str]) -> tuple[str, ...]:
    return tuple(shlex.split(flags) if isinstance(flags, str) else flags)
