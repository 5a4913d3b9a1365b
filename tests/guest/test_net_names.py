"""Names looked up by glibc's resolver and by musl's, through QEMU's user network.

Everything is asked of a real name server (name_server.py) in namespaces of its own, once on
this machine and once in a guest; each C library has to say the same in both places.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from capabilities import need
from packaged_roots import unpack_root

from kernel_magics import Lab

pytestmark = [pytest.mark.guest, pytest.mark.slow, pytest.mark.timeout(600)]

SESSION = Path(__file__).with_name("name_session.py")
LOOKUP = Path(__file__).parent / "net_programs/lookup.c"
NAMESPACES = ["unshare", "--user", "--map-root-user", "--mount", "--net", "--"]
SESSION_S = 360

WORDS = ["any:both.test", "4:both.test", "6:both.test", "4:four.test", "6:four.test",
         "4:six.test", "6:six.test", "any:BOTH.test", "any:alias.test", "any:empty.test",
         "any:missing.test", "any:broken.test", "any:spoofed.test", "any:lost.test",
         "4:many.test", "any:silent.test", "back:192.0.2.7", "back:192.0.2.8"]
SERVERS = {"static": ("", ""), "host": ("nameserver 10.0.2.2\n", ""),
           "dead": ("nameserver 10.0.2.6\nnameserver 10.0.2.3\n",
                    "nameserver 127.0.0.6\nnameserver 127.0.0.1\n")}
"""What /etc/resolv.conf is to be in the guest and here: this machine, by its address in QEMU's
network; a server that is not there before the one that is.
"""
# musl's timeout is that of all attempts, glibc's that of each.
OPTIONS = {"glibc": "options timeout:1 attempts:3\n", "musl": "options timeout:5 attempts:10\n"}
BOTH = "192.0.2.7 2001:db8::7"

Said = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> Said:
    """What both C libraries said in each session, "here" and in the "guest"."""
    need("qemu", "compiler", "debian", "cpio", "namespaces")
    sessions = _sessions(tmp_path_factory.mktemp("names"))
    done = subprocess.run([*NAMESPACES, sys.executable, str(SESSION), json.dumps(sessions)],
                          capture_output=True, text=True, timeout=SESSION_S)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _sessions(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what name_session.py is to do: for each library all words, and the one session
    of each of SERVERS.  glibc's program comes from an archive, musl's is part of its image.
    """
    binaries = {"glibc": folder / "glibc", "musl": folder / "musl"}
    subprocess.run(["gcc", "-O1", "-o", binaries["glibc"], LOOKUP], check=True)
    subprocess.run(["musl-gcc", "-O1", "-static", "-o", binaries["musl"], LOOKUP], check=True)
    with Lab(driver="qemu") as lab:
        packaged = lab.package("libc-bin", name="lookup-glibc", argv=["/srv/glibc"], files={
            f"/srv/{name}": binary for name, binary in binaries.items()})
        images = {"glibc": packaged, "musl": lab.build(LOOKUP.read_text(), "lookup-musl")}
    root = str(unpack_root(packaged, folder))
    sessions = {}
    for library, image in images.items():
        common = {"image": str(image.path), "here": f"/srv/{library}", "root": root}
        options = OPTIONS[library]
        sessions[library] = common | {"server": options, "server_here": options,
                                      "words": WORDS, "boot": {}}
        for name, (server, server_here) in SERVERS.items():
            sessions[f"{library}, {name}"] = common | {
                "server": server + options, "server_here": server_here + options,
                "words": ["any:both.test"],
                "boot": {"address": "10.0.2.15/24"} if name == "static" else {}}
    return sessions


def answers(said: Said, session: str, place: str = "guest") -> dict[str, str]:
    """Return each word of a session and what the C library said of it."""
    return {line.partition(" ")[0]: line.partition(" ")[2]
            for line in said[session][place]["said"]}


@pytest.mark.parametrize("library", ["glibc", "musl"])
def test_a_resolver_says_what_it_says_here(said: Said, library: str) -> None:
    assert answers(said, library) == answers(said, library, "here")
    assert list(answers(said, library)) == WORDS


@pytest.mark.parametrize("library", ["glibc", "musl"])
def test_names_have_their_addresses(said: Said, library: str) -> None:
    found = answers(said, library)
    assert found["any:both.test"] == f"{BOTH} (both.test)"
    assert found["4:four.test"] == "192.0.2.7 (four.test)"
    assert found["6:six.test"] == "2001:db8::7 (six.test)"
    assert found["any:alias.test"] == f"{BOTH} (both.test)"
    assert found["back:192.0.2.7"] == "both.test"
    # The first answer was not to this question; the first question was lost.
    assert found["any:spoofed.test"] == f"{BOTH} (spoofed.test)"
    assert found["any:lost.test"] == f"{BOTH} (lost.test)"


@pytest.mark.parametrize("library, none, later", [
    ("glibc", "Name or service not known", "Temporary failure in name resolution"),
    ("musl", "Name does not resolve", "Try again")])
def test_what_is_not_answered_is_an_error_of_the_library(said: Said, library: str, none: str,
                                                         later: str) -> None:
    found = answers(said, library)
    assert found["any:missing.test"] == found["back:192.0.2.8"] == none
    assert found["any:broken.test"] == found["any:silent.test"] == later
    assert ("." not in found["6:four.test"]) and ("." not in found["any:empty.test"])


def test_an_answer_too_long_for_a_datagram_comes_by_tcp(said: Said) -> None:
    """As far as the C library asks again: musl before 1.2.4 takes the part it has."""
    for library in ("glibc", "musl"):
        assert by_tcp(said, library, "guest") == by_tcp(said, library, "here")
    assert by_tcp(said, "glibc", "guest") == [["tcp", "A", "many.test"]]
    assert len(answers(said, "glibc")["4:many.test"].split()) == 48 + 1


def by_tcp(said: Said, session: str, place: str) -> list[list[str]]:
    """Return the questions that came by TCP."""
    return [asked for asked in said[session][place]["asked"] if asked[0] == "tcp"]


@pytest.mark.parametrize("library", ["glibc", "musl"])
@pytest.mark.parametrize("name", SERVERS)
def test_other_ways_to_the_server(said: Said, library: str, name: str) -> None:
    """Named by the configuration, this machine itself, and after one that is not there."""
    assert answers(said, f"{library}, {name}") == {"any:both.test": f"{BOTH} (both.test)"}
    assert answers(said, f"{library}, {name}", "here") == answers(said, f"{library}, {name}")
