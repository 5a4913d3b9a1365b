"""Packages made here become a root file system: what is kept, what is made, byte for byte."""

import errno
import os
import re
import subprocess
from pathlib import Path
from stat import S_IFLNK, S_IFREG

import pytest
from capabilities import need
from package_maker import make_deb, make_repository

from kernel_magics.build.cache import BuildCache
from kernel_magics.build.debian import DebianArchive
from kernel_magics.build.packages import PackageRequest, build_package, root, stacks
from kernel_magics.build.packages.cpio import PAGE_BYTES, PATH_MAX, archive
from kernel_magics.build.packages.effects import alternatives
from kernel_magics.build.packages.needs import elf_needs
from kernel_magics.build.packages.tree import Node, RootTree
from kernel_magics.errors import BuildError, HostError, UsageError

RUNTIME = Path(__file__).parent / "tiny_runtime"
PROGRAM = "int answer(void); int main(void) { return answer() - 42; }\n"
LIBRARY = "int answer(void) { return 42; }\n"


@pytest.fixture(scope="module")
def debs(tmp_path_factory) -> Path:
    """A repository: a program, a library it is linked with, and much that it does not need."""
    need("compiler")
    place = tmp_path_factory.mktemp("debs")
    shared = ("-shared", "-Wl,-soname,libanswer.so.1")
    for name, text, flags in (("libanswer.so.1", LIBRARY, shared),
                              ("app", PROGRAM, ("./libanswer.so.1",))):
        (place / f"{name}.c").write_text(text)
        subprocess.run(["gcc", "-o", name, "-fPIC", f"{name}.c", *flags], cwd=place, check=True)
    library, app = (place / "libanswer.so.1").read_bytes(), (place / "app").read_bytes()
    unused = {"/usr/lib/libother.so": library, "/usr/bin/answer-config": "#!/bin/sh\n"}
    make_deb(place, "app", {
        "/usr/bin/app": app, "/usr/bin/app-tool": "#!/bin/sh\n", "/usr/share/app/data": "data",
        "/usr/share/doc/app/README": "read me", "/usr/share/locale/de/app.mo": "x",
        "/etc/init.d/app": "#!/bin/sh\n", "/etc/app.conf": "a=1\n"},
        Depends="libanswer1, app-common, machinery", links={"/usr/bin/app2": "app"},
        postinst="update-alternatives --install /usr/bin/application application "
                 "/usr/bin/app 10\n")
    make_deb(place, "app-common", {"/usr/share/app/more": "more"}, Source="app", Section="utils")
    make_deb(place, "libanswer1", {"/usr/lib/libanswer.so.1": library, **unused}, Section="libs")
    make_deb(place, "language", {"/usr/share/language/about": "x"}, Section="ruby",
             Depends="language9")
    make_deb(place, "language9", {"/usr/bin/language9": "#!/bin/sh\n"}, Section="ruby",
             Depends="liblanguage9")
    make_deb(place, "liblanguage9", {"/usr/lib/language/modules.rb": "x"}, Section="libs",
             Source="language9")
    make_deb(place, "machinery", {"/usr/sbin/machine": "#!/bin/sh\n", "/var/lib/x": "x"},
             Section="admin", Priority="required")
    make_deb(place, "tools", {"/usr/bin/cut": "#!/bin/sh\n", "/usr/bin/saw": "#!/bin/sh\n"})
    libc = {f"/usr/lib/x86_64-linux-gnu/{name}": Path("/usr/lib/x86_64-linux-gnu", name)
            .resolve().read_bytes() for name in ("libc.so.6", "ld-linux-x86-64.so.2")}
    make_deb(place, "small-libc", libc, Section="libs",
             links={"/usr/lib64/ld-linux-x86-64.so.2":
                    "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"})
    return place


@pytest.fixture
def make(debs, tmp_path, monkeypatch):
    """A function that builds an image of the packages above in a cache of the test's own."""
    sources = make_repository(debs)

    def build(*packages: str, where: Path = tmp_path, **request):
        return build_package(PackageRequest(packages, **request),
                             cache=BuildCache(where / "images"), sources=RUNTIME,
                             debian=DebianArchive(where / "debian", sources))
    return build


def listing(path: Path) -> list[str]:
    """Return the paths in an archive, as GNU cpio reads it."""
    need("cpio")
    done = subprocess.run(["cpio", "-it", "--quiet"], stdin=path.open("rb"), check=True,
                          capture_output=True, text=True)
    return done.stdout.split()


def unpacked(path: Path, place: Path) -> Path:
    """Unpack an archive with GNU cpio."""
    need("cpio")
    place.mkdir()
    subprocess.run(["cpio", "-idm", "--quiet", "--no-preserve-owner"], stdin=path.open("rb"),
                   cwd=place, check=True)
    return place


def test_what_belongs_to_the_program_is_kept_and_nothing_else(make):
    files = listing(make("app").initrd)
    assert {"usr/bin/app", "usr/bin/app2", "usr/bin/app-tool", "usr/share/app/data",
            "usr/share/app/more", "etc/app.conf", "usr/lib/libanswer.so.1"} <= set(files)
    assert not {"usr/lib/libother.so", "usr/bin/answer-config", "usr/sbin/machine",
                "var/lib/x", "usr/share/doc/app/README", "usr/share/locale/de/app.mo",
                "etc/init.d/app"} & set(files)


def test_a_package_that_only_depends_on_a_version_brings_that_versions_modules(make):
    files = listing(make("language", argv=("language9",)).initrd)
    assert {"usr/bin/language9", "usr/lib/language/modules.rb"} <= set(files)


def test_full_keeps_every_file_but_manuals_and_all_keeps_those_too(make):
    full = set(listing(make("app", contents="full").initrd))
    everything = set(listing(make("app", contents="all").initrd))
    assert {"usr/lib/libother.so", "usr/sbin/machine"} <= full < everything
    assert everything - full == {
        "usr/share/doc", "usr/share/doc/app", "usr/share/doc/app/README", "usr/share/locale",
        "usr/share/locale/de", "usr/share/locale/de/app.mo", "etc/init.d", "etc/init.d/app"}


def test_a_package_can_be_kept_as_a_whole(make):
    assert "usr/sbin/machine" in listing(make("app", keep=("machinery",)).initrd)


def test_the_program_runs_from_its_root_on_this_machine(make, tmp_path):
    need("namespaces")
    image = make("app", "small-libc")
    place = unpacked(image.initrd, tmp_path / "root")
    done = subprocess.run(["unshare", "--map-root-user", f"--root={place}", "/usr/bin/app"],
                          capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_the_packages_scripts_would_have_done_is_done(make, tmp_path):
    place = unpacked(make("app").initrd, tmp_path / "root")
    assert (place / "usr/bin/application").readlink() == Path("/etc/alternatives/application")
    assert (place / "etc/alternatives/application").readlink() == Path("/usr/bin/app")
    assert (place / "lib").readlink() == Path("usr/lib")
    assert "www-data:x:33:33:" in (place / "etc/passwd").read_text()
    assert (place / "tmp").stat().st_mode & 0o7777 == 0o1777


def test_same_packages_and_files_make_the_same_bytes(make, tmp_path):
    first = make("app", files={"/srv/x": b"x" * 5000})
    second = make("app", files={"/srv/x": b"x" * 5000}, where=tmp_path / "elsewhere")
    assert not second.cached
    assert first.initrd.read_bytes() == second.initrd.read_bytes()
    assert first.content_hash == second.content_hash


def test_what_was_made_is_found_again(make):
    assert not make("app").cached
    again = make("app")
    assert again.cached and again.rc == ({"argv": ["app"], "bin": "/usr/bin/app"},)
    other = make("app", argv=("app2", "x"))
    assert not other.cached and other.initrd.samefile(again.initrd)  # only what runs differs


@pytest.mark.parametrize("change", [
    {"files": {"/srv/x": "y"}}, {"contents": "full"}, {"keep": ("machinery",)}])
def test_what_is_different_is_made(make, change):
    first = make("app")
    second = make("app", **change)
    assert not second.cached and second.content_hash != first.content_hash


def test_a_file_beside_the_notebook_that_changed_is_noticed(make, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("one")
    first = make("app", files={"/srv/page.html": page})
    page.write_text("two")
    second = make("app", files={"/srv/page.html": page})
    assert second.content_hash != first.content_hash
    assert b"two" in second.initrd.read_bytes()


def test_files_of_the_users_replace_the_packages(make, tmp_path):
    folder = tmp_path / "site"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/a.txt").write_text("a")
    place = unpacked(make("app", files={"/etc/app.conf": "a=2\n", "/srv": folder,
                                        "/bin/mine": b"#!/bin/sh\n"}).initrd, tmp_path / "root")
    assert (place / "etc/app.conf").read_text() == "a=2\n"
    assert (place / "srv/deep/a.txt").read_text() == "a"
    assert (place / "usr/bin/mine").exists()  # /bin is a link on a merged system


def test_the_manifest_is_a_table_here_and_in_the_root(make, tmp_path):
    image = make("app")
    table = image.manifest.set_index("package")
    assert list(table.index) == ["app", "app-common", "libanswer1"]
    assert table.loc["libanswer1", "contents"] == "libraries"
    assert table.loc["app", "version"] == "1" and table.loc["app", "files"] == 4
    text = (unpacked(image.initrd, tmp_path / "root") / root.MANIFEST).read_text()
    assert [line.split("\t")[0] for line in text.splitlines()] == ["package", *table.index]


def test_the_image_says_what_it_holds(make):
    said = repr(make("app"))
    assert re.search(r"app: rumpkit image, [\d.]+ KiB to load\n"
                     r"  root of \d\.\d MiB: app 1, app-common 1, and libraries of 1 more\n"
                     r"  runs app\n", said)


def test_a_library_that_no_package_has_is_a_warning(make):
    [warning] = [one.text() for one in make("app").warnings if "libc.so.6" in one.text()]
    assert "which no package here has" in warning


@pytest.mark.parametrize("request_, message", [
    ({"argv": ("ap",)}, "no program 'ap'"), ({"run": "serve"}, "no way to run"),
    ({"contents": "some"}, "contents='some'"), ({"argv": "app"}, "argv is a list"),
    ({"files": {"srv/x": ""}}, "not a path in the guest"),
    ({"files": {"/../x": ""}}, "not a path in the guest"), ({"files": {"/": ""}}, "not a path"),
    ({"files": {"/x": Path("/nonexistent")}}, "cannot read /nonexistent"),
    ({"files": {"/x": 5}}, "bytes, a text or a Path"), ({"name": "a/b"}, "not a name"),
    ({"env": {"A=B": "x"}}, "not a variable"), ({"memory_mib": -1}, "not a number of MiB"),
    ({"rc": ({"argv": ["app"]},), "argv": ("app",)}, "both say what runs"),
    ({"rc": ({"bin": "x"},)}, "has no argv"), ({"rc": ({"argv": ["a"], "mode": 1},)}, "'mode'"),
    ({"rc": ({"argv": ["app"], "runmode": "x"},)}, "runmode 'x'")])
def test_a_wrong_setting_is_one_clear_message(make, request_, message):
    with pytest.raises(UsageError, match=message):
        make("app", **request_)


def test_what_runs_is_the_program_called_like_the_package_or_the_only_one(make):
    assert make("app").rc[0]["bin"] == "/usr/bin/app"
    assert make("machinery").rc[0]["bin"] == "/usr/sbin/machine"
    with pytest.raises(UsageError, match="app-common has no program"):
        make("app-common")
    with pytest.raises(UsageError, match="tools has several programs: cut, saw") as caught:
        make("tools")
    assert "argv=['cut']" in caught.value.next_step


def test_several_programs_run_one_after_the_other(make):
    image = make("app", rc=({"argv": ["app", "1"], "runmode": "&"}, {"argv": ["/usr/bin/app2"]}))
    assert [row["bin"] for row in image.rc] == ["/usr/bin/app", "/usr/bin/app2"]


def test_a_boot_may_run_another_program_of_the_root(make):
    image = make("app")
    assert image.rc_for(["app-tool", "x"])[0]["bin"] == "/usr/bin/app-tool"
    assert image.rc_for(["/usr/bin/app2"])[0]["bin"] == "/usr/bin/app2"
    assert image.rc_for(["called otherwise"]) == image.rc == image.rc_for([])


def test_a_notebook_shows_what_the_root_holds(make):
    from kernel_magics.widgets.images.image import image_html
    shown = image_html(make("app", argv=("app", "<b>")))
    assert "runs <code>app &#x27;&lt;b&gt;&#x27;</code>" in shown
    assert "root of" in shown and "3 packages" in shown and "<td>libanswer1</td>" in shown


def test_a_damaged_package_is_one_clear_message(make, tmp_path):
    make("app")
    for path in (tmp_path / "debian/debs").iterdir():
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(HostError, match="a package's file is damaged") as caught:
        make("app", contents="full")
    assert "fetched anew" in caught.value.next_step


def test_a_full_disk_leaves_nothing_half_made(make, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(root, "_write", full)
    with pytest.raises(HostError, match="no space left on device"):
        make("app")
    monkeypatch.undo()
    assert make("app").initrd.exists()
    assert not list((tmp_path / "roots").glob(".staging-*"))


def test_an_interrupt_leaves_nothing_half_made(make, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt
    monkeypatch.setattr(root, "apply_effects", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make("app")
    monkeypatch.undo()
    assert make("app").initrd.exists()


def test_an_image_is_remembered_by_its_name(make, tmp_path):
    from kernel_magics.build import GuestImage
    image = make("app", name="mine")
    found = BuildCache(tmp_path / "images").recall("mine")
    again = GuestImage.from_entry(*found)
    assert again.initrd == image.initrd and again.rc == image.rc and again.packages


def test_old_roots_go_when_they_take_too_much(tmp_path):
    cache = BuildCache(tmp_path / "roots", kept_bytes=2500)
    for number in range(4):
        with cache.staging() as folder:
            (folder / "x").write_bytes(bytes(1000))
            place = cache.store(f"key{number}", folder, ["x"], (), {})
        os.utime(place.parent, (number, number))
    assert [cache.find(f"key{number}") is not None for number in range(4)] == [
        False, False, True, True]


# The archive


def tree_of(**sizes: int) -> RootTree:
    tree = RootTree()
    for name, size in sizes.items():
        tree.file(name, bytes([len(name)]) * size)
    return tree


def entries(data: bytes) -> dict[str, tuple[int, int, int, bytes]]:
    """Return name → (data's offset, links, inode, data); cpio(5), New ASCII Format."""
    found, at = {}, 0
    while True:
        assert data[at:at + 6] == b"070701" and at % 4 == 0
        fields = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        name = data[at + 110:at + 110 + fields[11]].split(b"\0")[0].decode()
        assert fields[11] <= PATH_MAX
        start = at + (110 + fields[11] + 3) // 4 * 4
        if name == "TRAILER!!!":
            return found
        found[name] = (start, fields[4], fields[0], data[start:start + fields[6]])
        at = start + (fields[6] + 3) // 4 * 4


def test_files_of_a_page_or_more_begin_at_a_page(tmp_path):
    sizes = {f"f{number}" + "x" * (number % 90): 4096 + number * 37 for number in range(300)}
    data = b"".join(archive(tree_of(**sizes, small=4095), 0))
    found = entries(data)
    assert len(data) % PAGE_BYTES == 0
    for name, size in sizes.items():
        assert found[name][0] % PAGE_BYTES == 0 and len(found[name][3]) == size
    assert len(found["small"][3]) == 4095
    (tmp_path / "a").write_bytes(data)
    place = unpacked(tmp_path / "a", tmp_path / "out")
    assert all((place / name).stat().st_size == size for name, size in sizes.items())


def test_hard_links_are_one_file(tmp_path):
    tree = tree_of(a=5000)
    tree.nodes["z"] = tree.nodes["a"]
    data = b"".join(archive(tree, 0))
    found = entries(data)
    assert found["a"][1:3] == found["z"][1:3] and found["a"][1] == 2
    assert (found["a"][3], len(found["z"][3])) == (b"", 5000)  # with the last of them
    (tmp_path / "a").write_bytes(data)
    place = unpacked(tmp_path / "a", tmp_path / "out")
    assert (place / "a").samefile(place / "z") and (place / "a").stat().st_size == 5000


def test_links_lead_through_links_and_never_round():
    tree = RootTree()
    tree.file("usr/lib/real", "x")
    tree.link("usr/lib/one", "real")
    tree.link("opt/two", "../lib/one")
    tree.link("loop", "/loop")
    tree.link("out", "../../../usr/lib/one")
    assert tree.resolve("opt/two") == "usr/lib/real" == tree.resolve("lib/one")
    assert tree.resolve("out") == "usr/lib/real"
    assert tree.resolve("loop") is None and tree.resolve("nothing/x") is None


def test_a_shell_would_find_the_same_program():
    tree = RootTree()
    tree.put("usr/bin/x", Node(S_IFREG | 0o755))
    tree.put("usr/bin/not", Node(S_IFREG | 0o644))
    tree.put("usr/bin/y", Node(S_IFLNK | 0o777, target="/bin/x"))
    assert tree.program("x") == "/usr/bin/x" and tree.program("y") == "/usr/bin/y"
    assert tree.program("/bin/x") == "/bin/x"
    assert tree.program("not") is None and tree.program("nothing") is None
    assert tree.programs() == ["x", "y"]


def test_alternatives_are_read_from_scripts_with_loops_and_continued_lines():
    script = ("# update-alternatives --install /no /no /no 1\n"
              "for b in php phar; do\n update-alternatives \\\n  --install /usr/bin/${b} $b "
              "/usr/bin/${b}8.2 82 \\\n --slave /usr/share/${b}.1 ${b}.1 /usr/share/${b}8.1\n"
              "done\nupdate-alternatives --install $x y z 3\n")
    assert list(alternatives(script)) == [
        (82, "/usr/bin/php", "php", "/usr/bin/php8.2"),
        (82, "/usr/share/php.1", "php.1", "/usr/share/php8.1"),
        (82, "/usr/bin/phar", "phar", "/usr/bin/phar8.2"),
        (82, "/usr/share/phar.1", "phar.1", "/usr/share/phar8.1")]


@pytest.mark.parametrize("program", ["/usr/bin/gcc", "/usr/bin/python3", "/bin/sh"])
def test_needed_libraries_are_what_readelf_says(program):
    said = subprocess.run(["readelf", "-d", program], capture_output=True, text=True).stdout
    needs = elf_needs(Path(program).read_bytes())
    assert needs.libraries == re.findall(r"\(NEEDED\).*\[(.*)\]", said)
    assert needs.loader == "/lib64/ld-linux-x86-64.so.2"
    assert elf_needs(b"\x7fELF garbage") is None and elf_needs(b"#!/bin/sh") is None
    data = Path(program).read_bytes()
    for at in range(0, 4096, 97):  # damaged, it may mean something or nothing, but no exception
        elf_needs(data[:at] + b"\xff" * 16 + data[at + 16:])


@pytest.mark.parametrize("package", stacks.stack_names())
def test_what_is_known_about_a_package_can_be_read(package):
    stack = stacks.find_stack(package)
    assert stack.description and stack.argv and stack.memory_mib


def test_a_wrong_guest_toml_names_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(stacks, "_folder", lambda: tmp_path)
    (tmp_path / "x").mkdir()
    for text, message in (("argv = [", "cannot read"), ("agrv = []", "not known: agrv")):
        (tmp_path / "x/guest.toml").write_text(text)
        with pytest.raises(BuildError, match=message):
            stacks.find_stack("x")
