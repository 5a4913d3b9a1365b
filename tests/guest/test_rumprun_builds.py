"""What an installed Rumprun builds: programs together, folders, libraries, components."""

import shutil
import subprocess
from pathlib import Path

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from rumprun_building import EMPTY, build, said, toolchain_lab, without, write
from shells import NO_HISTORY

from kernel_magics.boot.doctor.rumprun_findings import examine_rumprun
from kernel_magics.build.rumprun import find_bake, find_rumprun
from kernel_magics.build.rumprun.calls import plain_name, undefined_names
from kernel_magics.errors import BuildError, ImageError, UsageError

pytestmark = pytest.mark.guest

PRODUCER = ('#include <stdio.h>\nint count;\n'
            'int main(void) { return printf("count %d\\n", ++count); }')
CONSUMER = '#include <stdio.h>\nint count; int main(void) { return printf("own %d\\n", count); }'


lab = toolchain_lab()


def test_programs_together_keep_their_own_variables(lab):
    image = build(lab, {"first": PRODUCER, "second": CONSUMER}, "both")
    assert [one.name for one in image.baked.programs] == ["first", "second"]
    lines = said(lab, image)
    assert lines.index("count 1") < lines.index("own 0")  # one `count` would say: own 1


def test_an_image_is_baked_again_without_compiling(lab):
    one, two = build(lab, PRODUCER, "one"), build(lab, CONSUMER, "two", components="rumpfs_msdos")
    again = build(lab, [one, two], "again", bake="hw_virtio_scsi", components=["-lrumpfs_kernfs"])
    assert again.baked.configuration == "hw_virtio_scsi"
    assert again.baked.added == ("rumpfs_kernfs",) and again.rc[1]["argv"] == ["two"]
    assert again.symbols.find("rumprun_main2") and again.symbols.find("rumpns_kernfs_vfsops")
    assert "baked as hw_virtio_scsi (27 components) and rumpfs_kernfs from one, two" in repr(again)
    assert again.recipe.tooldir == find_rumprun().prefix.resolve()
    assert build(lab, [one, two], "again", bake="hw_virtio_scsi",
                 components=["rumpfs_kernfs"]).cached


def test_the_linkers_map_is_kept(lab):
    image = build(lab, PRODUCER, "mapped")
    toolchain = find_rumprun()
    for name, component in (("rumpns_tcp_output", "rumpnet_net"), ("rumpns_vn_open", "rumpvfs")):
        listed = subprocess.run([toolchain.tool("nm"), toolchain.library(component)],
                                capture_output=True, text=True, check=True).stdout
        assert f" T {name}\n" in listed
        piece = image.link.at(image.symbols.find(name).address)
        assert piece.archive == f"lib{component}.a"
    assert "Linker script and memory map" in image.baked.programs[0].map.read_text()


def test_configurations_and_components(lab):
    bakes = lab.bakes
    assert {"hw_virtio", "hw_generic"} <= set(bakes.df.index)
    assert "rumpnet_netinet" in bakes.find("hw-virtio").components
    assert not bakes.find("xen_pv").is_bootable_here
    virtio = bakes.find("hw_virtio")
    assert set(virtio.df[virtio.df.faction == "net"].component) >= {"rumpnet", "rumpnet_netinet"}
    components = lab.components.df
    assert components.loc["rumpnet_netinet", "faction"] == "net"
    assert "hw_virtio" in components.loc["rumpnet_netinet", "configurations"]
    assert components.loc["rumpfs_msdos", "configurations"] == ""
    with pytest.raises(UsageError, match="no component 'rumpfs_msdoss'") as caught:
        build(lab, EMPTY, components="rumpfs_msdoss")
    assert "rumpfs_msdos" in caught.value.next_step


def test_a_configuration_of_the_users(lab, tmp_path):
    write(tmp_path, my__conf="version 20160209\nconf hw_mine\n\tcreate \"small\"\n\tassimilate "
          "hw_virtio\n\tremove -lrumpnet_netinet6\n\tadd -lrumpfs_msdos\nfnoc\n",
          bad__conf="conf hw_mine\n\tcreate \"x\"\nfnoc\n")
    text = ("#include <sys/socket.h>\n"
            "int main(void) { return socket(AF_INET6, SOCK_STREAM, 0) < 0 ? 6 : 0; }")
    image = build(lab, text, "mine", bake=f"{tmp_path}/my.conf:hw_mine")
    assert "rumpfs_msdos" in image.baked.components and image.baked.configuration == "hw_mine"
    (warning,) = image.warnings
    assert warning.message == ("AF_INET6 needs rumpnet_netinet6, which this image has not: "
                               "--bake hw_virtio")
    guest = lab.boot(image, memory_mib=64)
    assert guest.wait(60) == 6
    assert find_bake(f"{tmp_path}/my.conf:hw_mine").description == "small"
    with pytest.raises(UsageError, match="no configuration 'hw_yours'") as caught:
        build(lab, text, bake=f"{tmp_path}/my.conf:hw_yours")
    assert "hw_mine" in caught.value.next_step
    with pytest.raises(BuildError, match="config version not specified"):
        build(lab, text, bake=f"{tmp_path}/bad.conf:hw_mine")
    with pytest.raises(UsageError, match="no file of bake configurations"):
        build(lab, text, bake="gone.conf:hw_mine")


def test_a_component_that_wants_another_one_says_which(lab):
    with pytest.raises(BuildError, match="a component calls what another one would define") as one:
        build(lab, EMPTY, components="rumpdev_opencrypto")
    assert one.value.next_step.endswith("--component rumpkern_crypto --component rumpkern_z")


FAILING = r"""
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
int main(void)
{
	struct aiocb request = { .aio_fildes = -1 };
	char nothing[64] = { 0 };
	mkdir("/m", 0755);
	printf("kernfs %d\n", mount(MOUNT_KERNFS, "/m", 0, nothing, sizeof(nothing)));
	printf("tap %d\n", open("/dev/tap", O_RDWR) >= 0);
	printf("aio %d\n", aio_read(&request) < 0 && errno == ENOSYS);
	printf("fork %d\n", (int)fork());
	return 0;
}
"""


def test_what_will_fail_is_foretold(lab):
    image = build(lab, FAILING, "failing")
    told = {warning.message.split(" ")[0]: warning for warning in image.warnings}
    assert set(told) == {"MOUNT_KERNFS", '"/dev/tap"', "aio_read", "fork"}
    assert "--component rumpfs_kernfs" in told["MOUNT_KERNFS"].message
    assert "--component rumpvfs_aio" in told["aio_read"].message
    assert told["fork"].source_line.strip() == 'printf("fork %d\\n", (int)fork());'
    lines = said(lab, image)
    assert {"kernfs -1", "tap 0", "aio 1", "fork 86"} <= set(lines)


def test_what_only_a_library_calls_is_no_warning(lab, tmp_path):
    text = "#include <pthread.h>\nint main(void) { return pthread_self() == 0; }"
    linked = build(lab, text, "threads", ldflags="-lpthread")
    names = {plain_name(name) for name in undefined_names(linked.baked.programs[0].file)}
    assert "mq_send" in names and not linked.warnings
    file = shutil.copy(linked.baked.programs[0].file, tmp_path / "threads")
    assert not build(lab, Path(file)).warnings
    text = "#include <aio.h>\nint main(void) { return aio_cancel(0, 0); }"
    file = shutil.copy(build(lab, text, "aio").baked.programs[0].file, tmp_path / "aio")
    (warning,) = build(lab, Path(file)).warnings  # its source is not known
    assert warning.message.startswith("aio_cancel fails with ENOSYS") and not warning.line


def test_what_was_added_is_no_longer_missing(lab):
    text = FAILING.replace("aio_read(&request) < 0 && errno == ENOSYS", "(int)sizeof(request)")
    image = build(lab, text, "failing", components="rumpfs_kernfs rumpnet_tap")
    assert [warning.message.split(" ")[0] for warning in image.warnings] == ["fork"]
    assert {"kernfs 0", "tap 1"} <= set(said(lab, image))


def test_libraries_of_the_toolchain_and_of_the_user(lab, tmp_path):
    toolchain = find_rumprun()
    write(tmp_path, own__c="int own(void) { return 42; }",
          main__c="#include <stdio.h>\n#include <zlib.h>\nint own(void);\n"
                  'int main(void) { printf("%d %d\\n", own(), zlibVersion()[0] > 0); return 0; }')
    subprocess.run([toolchain.compiler, "-c", "own.c"], cwd=tmp_path, check=True)
    subprocess.run([toolchain.tool("ar"), "rcs", "libown.a", "own.o"], cwd=tmp_path, check=True)
    for flags in ("libown.a -lz", "-L. -lown -lz"):
        image = build(lab, tmp_path / "main.c", "own", ldflags=flags)
    assert "42 1" in said(lab, image)
    with pytest.raises(BuildError, match=r"no library -lnothing.* has c, .*z; others") as caught:
        build(lab, EMPTY, "x", ldflags="-lnothing")
    assert "musl" not in caught.value.message


LEAKY = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
char *kept;
static void lose(int times) { while (times--) memset(malloc(1000), 'L', 1000); }
int main(void) { kept = malloc(300); lose(10); puts("ready"); for (;;); }
"""


def test_who_allocated_what_nobody_points_to(lab):
    image = build(lab, LEAKY, "leaky", heap_calls=True)
    guest = lab.boot(image, memory_mib=64)
    guest.console.expect("ready", timeout=60)
    calls = guest.memory.heap.calls
    assert list(calls.df.loc["lose (leaky.c:6)"]) == [10, 10_000, 0]
    assert calls.at(int(guest.vars["kept"])).allocated[0] == "main (leaky.c:7)"
    (place,) = guest.memory.leaks().by_call_site.index
    assert place == "lose (leaky.c:6)"
    guest.stop()


def test_a_library_for_this_machine(lab, tmp_path):
    write(tmp_path, own__c="#include <stdio.h>\nint own(void) { return getc(stdin); }")
    subprocess.run(["gcc", "-c", "own.c"], cwd=tmp_path, check=True)
    write(tmp_path, main__c="int own(void);\nint main(void) { return own(); }")
    with pytest.raises(BuildError, match="undefined symbol `stdin`, used in own") as caught:
        build(lab, tmp_path / "main.c", ldflags="own.o")
    assert "stdin is glibc's" in caught.value.next_step


def test_several_files_and_changed_headers(lab, tmp_path):
    write(tmp_path, main__c='#include "value.h"\nint value(void);\nint main(void) '
                            "{ return value() + VALUE; }",
          value__h="#define VALUE 2\n", more__cc='extern "C" int value(void) { return 40; }')
    files = [tmp_path / "main.c", tmp_path / "more.cc"]
    if find_rumprun().cxx is None:
        pytest.skip("needs a toolchain with C++")
    image = build(lab, files, "files")
    assert build(lab, files, "files").cached
    (tmp_path / "value.h").write_text("#define VALUE 3\n")
    image = build(lab, files, "files")
    guest = lab.boot(image, memory_mib=64)
    assert guest.wait(60) == 43


def test_a_configuration_of_which_parts_are_missing(lab, tmp_path, monkeypatch):
    partial = without("rumprun-x86_64/lib/rumprun-hw/librumpdev_audio.a", tmp_path / "rr")
    monkeypatch.setenv("RUMPRUN_PREFIX", str(partial))
    assert lab.bakes.find("hw_generic").missing == ("rumpdev_audio",)
    assert "not installed: rumpdev_audio" in repr(lab.bakes)
    with pytest.raises(UsageError, match=r"hw_generic cannot be baked: .* without rumpdev_audio"):
        build(lab, EMPTY, "x", bake="hw_generic")
    finding = next(one for one in examine_rumprun() if one.subject == "Rumprun bakes")
    assert finding.level == "note" and "hw_generic lacks rumpdev_audio" in finding.detail


def test_no_c_plus_plus(lab, tmp_path, monkeypatch):
    partial = without("bin/x86_64-rumprun-netbsd-g++", tmp_path / "rr")
    monkeypatch.setenv("RUMPRUN_PREFIX", str(partial))
    assert "C (built without C++)" in examine_rumprun()[0].detail
    with pytest.raises(UsageError, match=r"was built without C\+\+"):
        build(lab, "int main() { }", "x", lang="c++")
    with pytest.raises(UsageError, match=r"was compiled by the toolchain in .*, and the one"):
        build(lab, PRODUCER, "elsewhere")


def test_a_program_compiled_elsewhere_is_baked(lab, tmp_path):
    write(tmp_path, main__c='#include <stdio.h>\nint main(void) { puts("elsewhere"); return 0; }')
    subprocess.run([find_rumprun().compiler, "-o", "prog", "main.c"], cwd=tmp_path, check=True,
                   capture_output=True)
    with pytest.raises(ImageError, match="is not baked yet") as caught:
        lab.boot(tmp_path / "prog", memory_mib=64)
    assert "--kit rumprun --from" in caught.value.next_step
    assert "elsewhere" in said(lab, build(lab, tmp_path / "prog"))
    host = shutil.copy(shutil.which("true"), tmp_path / "host")
    with pytest.raises(ImageError, match="has no bake recipe"):
        build(lab, Path(host))
    assert lab.recipe(tmp_path / "prog").tuple == "x86_64-rumprun-netbsd"
    with pytest.raises(ImageError, match="has no bake recipe"):
        lab.recipe(host)


def test_too_many_programs_and_two_of_one_name(lab):
    image = build(lab, EMPTY, "one")
    with pytest.raises(UsageError, match="at most 8 programs; these are 9"):
        build(lab, {f"p{number}": image for number in range(9)}, "many")
    with pytest.raises(UsageError, match="two of the programs are called one"):
        build(lab, [image, image], "twice")


def test_cells(lab, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.chdir(tmp_path)
    write(tmp_path, second__c=CONSUMER)
    shell = InteractiveShell(config=NO_HISTORY)
    shell.colors = "nocolor"
    shell.run_line_magic("load_ext", "kernel_magics")

    def run(cell):
        capsys.readouterr()
        result = shell.run_cell(cell)
        return result, capsys.readouterr().out

    try:
        result, _ = run(f"%%rumpbuild first --kit rumprun --from second.c\n{PRODUCER}")
        assert [one.name for one in result.result.baked.programs] == ["first", "second"]
        result, _ = run("%rumpbuild third --kit rumprun --from a=first --bake hw_generic")
        assert result.result.baked.configuration == "hw_generic"
        result, shown = run("%rumpbake hw_virtio")
        assert "rumpnet_netinet" in shown and result.result.name == "hw_virtio"
        assert run("%rumpbake --components")[0].result.df.loc["rumpfs_ffs", "faction"] == "fs"
        line = "%rumpbuild x --kit rumprun --bake hw_v"
        with provisionalcompleter():
            offered = {one.text for one in shell.Completer.completions(line, len(line))}
        assert offered == {"hw_virtio", "hw_virtio_scsi"}
        for cell, message in (
                ("%rumpbake hw_none", "no configuration 'hw_none'"),
                ("%rumpbuild x --kit rumprun --from nix", "no image and no file called 'nix'"),
                ("%rumpbuild x --kit rumprun --from ./nix", "there is no ./nix"),
                ("%rumpbuild x --program y", "--program is for a project's folder"),
                ("%rumpbuild x --kit rumprun --from first --from first", "are called the same")):
            result, shown = run(cell)
            assert not result.success and message in shown and "Traceback" not in shown
    finally:
        shell.run_line_magic("unload_ext", "kernel_magics")
