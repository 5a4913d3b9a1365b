"""CPython's own tests of what a system offers, as Debian packages them, in a guest."""

import re

import pytest
from capabilities import need

from kernel_magics.lab import Lab

pytestmark = [pytest.mark.guest, pytest.mark.slow, pytest.mark.timeout(400)]

# Whole modules, and of test_socket the classes for the protocols that a guest has.
MODULES = ["test_epoll", "test_select", "test_poll", "test_thread", "test_mmap", "test_popen"]
SOCKETS = ["BasicTCPTest", "BasicUDPTest", "NonBlockingTCPTests", "SendmsgTCPTest",
           "RecvmsgTCPTest",
           "SendmsgUDPTest", "RecvmsgUDPTest", "SCMRightsStream", "BasicSocketPairTest",
           "TestUnixDomain", "SendfileUsingSendfile", "TCPTimeoutTest", "UDPTimeoutTest",
           "NetworkConnection", "UnixStream", "FileObjectClass", "GeneralModuleTests"]


@pytest.fixture(scope="module")
def python():
    """Return a lab and the image of Python with its tests."""
    need("qemu", "compiler", "debian")
    with Lab(driver="qemu") as lab:
        yield lab, lab.package("python3.11", packages=["libpython3.11-testsuite", "dash",
                                                       "coreutils"])


def run(python, *arguments: str) -> str:
    lab, image = python
    guest = lab.boot(image, memory_mib=512, net="user", timeout=360,
                     argv=["python3.11", "-m", "unittest", "-q", *arguments])
    status = guest.wait()
    text = guest.console.text
    assert status == 0, text[-4000:]
    return text


@pytest.mark.parametrize("module", MODULES)
def test_a_module_passes(python, module):
    text = run(python, f"test.{module}")
    assert int(re.search(r"Ran (\d+) test", text)[1]) > 0


def test_sockets_pass(python):
    patterns = [word for name in SOCKETS for word in ("-k", name)]
    text = run(python, "test.test_socket", *patterns)
    assert int(re.search(r"Ran (\d+) test", text)[1]) > 250
