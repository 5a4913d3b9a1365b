"""Files of a root archive, found by the headers alone, against what cpio itself unpacks."""

import subprocess

import pytest
from capabilities import need

from kernel_magics.inspect.stacks.archive_files import ArchiveFiles


@pytest.fixture
def archive(tmp_path):
    need("cpio")
    root = tmp_path / "root"
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/tool").write_bytes(b"\x7fELF" + bytes(range(200)))
    (root / "usr/bin/other").hardlink_to(root / "usr/bin/tool")
    (root / "empty").write_bytes(b"")
    (root / "link").symlink_to("usr/bin/tool")
    names = "\n".join(["usr", "usr/bin", "usr/bin/tool", "usr/bin/other", "empty", "link"])
    made = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=root, check=True,
                          input=names.encode(), capture_output=True)
    path = tmp_path / "root.cpio"
    path.write_bytes(made.stdout)
    return path


def test_files_are_those_that_were_packed(archive):
    files = ArchiveFiles(archive)
    wanted = (archive.parent / "root/usr/bin/tool").read_bytes()
    assert files.read("/usr/bin/tool") == wanted
    assert files.read("/usr/bin/other") == wanted, "the other name of the same file"
    assert "/usr/bin/tool" in files and "/link" not in files and "/nothing" not in files
    assert files.read("/nothing") is None


def test_an_archive_that_is_cut_short_ends_where_it_is_cut(archive):
    whole = archive.read_bytes()
    for size in range(0, len(whole), 97):
        archive.write_bytes(whole[:size])
        found = ArchiveFiles(archive).read("/usr/bin/tool")
        assert found is None or found == whole[whole.find(found):][:len(found)]


def test_an_archive_that_is_gone_or_no_archive_has_no_files(tmp_path):
    assert ArchiveFiles(tmp_path / "gone").read("/x") is None
    (tmp_path / "text").write_text("070701" + "x" * 300)
    assert ArchiveFiles(tmp_path / "text").read("/x") is None
