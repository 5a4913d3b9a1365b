"""lwIP's source: fetched once, named by its version, and what is said when it cannot be had."""

import os
import shutil
import warnings
from pathlib import Path

import pytest
from capabilities import need

from kernel_magics.build import lwip, runtime
from kernel_magics.errors import HostError
from kernel_magics.places import cache_dir, images_dir


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUMPLAB_CACHE", str(tmp_path))
    monkeypatch.setattr(runtime, "_refused_until", {})
    return tmp_path


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """apt's way out leads to a port where nobody listens."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")


def program_without(folder: Path, missing: str) -> str:
    """Return a PATH that has every program but one."""
    tools = folder / "tools"
    tools.mkdir()
    for place in os.environ["PATH"].split(":"):
        for program in Path(place).glob("*") if Path(place).is_dir() else ():
            if program.name != missing and not (tools / program.name).exists():
                (tools / program.name).symlink_to(program)
    return str(tools)


def test_the_source_that_the_tests_build_with_is_there() -> None:
    need("compiler")
    source = lwip.ensure_lwip()
    assert (source / "src" / "core" / "tcp.c").exists()
    assert lwip.find_lwip() == source
    assert lwip.ensure_lwip() == source  # and no second time
    assert lwip.lwip_identity(source) != lwip.lwip_identity(None)


def test_another_version_is_another_runtime(tmp_path: Path) -> None:
    identities = []
    for version in ("2.1.3", "2.2.0"):
        (tmp_path / "debian").mkdir(exist_ok=True)
        (tmp_path / "debian" / "changelog").write_text(f"lwip ({version}) unstable\n")
        identities.append(lwip.lwip_identity(tmp_path))
    assert identities[0] != identities[1]


def test_an_unpacking_that_was_cut_short_is_none(empty_cache: Path) -> None:
    (empty_cache / "lwip" / "source" / "src").mkdir(parents=True)
    assert lwip.find_lwip() is None


def test_without_dpkg_source_its_package_is_named(
        empty_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", program_without(tmp_path, "dpkg-source"))
    with pytest.raises(HostError, match=r"no dpkg-source.*\n.*install dpkg-dev"):
        lwip.ensure_lwip()


@pytest.mark.slow
def test_without_a_network_the_runtime_is_built_and_the_lack_is_said(
        empty_cache: Path, offline: None, tmp_path: Path) -> None:
    need("compiler")
    if shutil.which("apt-get") is None:
        pytest.skip("needs apt-get")
    sources = tmp_path / "runtime-sources"
    shutil.copytree(images_dir() / "rumpkit", sources)
    with pytest.warns(UserWarning, match="guests have no network") as said:
        first = runtime.find_runtime(sources)
    assert len(said) == 1
    assert first.object.exists()
    assert not list((cache_dir() / "lwip").glob(".staging-*"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it is said once
        assert runtime.find_runtime(sources) == first
