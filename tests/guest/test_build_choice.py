"""What of the runtime an image has: what its program can use, unless all was asked for."""

import pytest

from kernel_magics import Lab

QUIET = '#include <stdio.h>\nint main(void) { puts("quiet"); }\n'
# Each reaches a file or a socket another way: directly, through libc, by number.
USERS = {
    "fopen": '#include <stdio.h>\nint main(void) { return !fopen("/", "r"); }\n',
    "open": '#include <fcntl.h>\nint main(void) { return open("/", O_RDONLY) < 0; }\n',
    "opendir": '#include <dirent.h>\nint main(void) { return !opendir("/"); }\n',
    "stat": '#include <sys/stat.h>\nint main(void) { struct stat s; return stat("/", &s); }\n',
    "system": '#include <stdlib.h>\nint main(void) { return system(NULL) != 1; }\n',
    "socket": '#include <sys/socket.h>\n'
              'int main(void) { return socket(AF_INET, SOCK_STREAM, 0) < 0; }\n',
    "getaddrinfo": '#include <netdb.h>\n#include <stddef.h>\nint main(void) {'
                   ' struct addrinfo *a; return getaddrinfo("127.0.0.1", NULL, NULL, &a); }\n',
    "syscall": '#include <sys/syscall.h>\n#include <unistd.h>\n'
               'int main(void) { return syscall(SYS_socket, 2, 1, 0) < 0; }\n',
    "a pointer": '#include <stdio.h>\nFILE *(*volatile opener)(const char *, const char *) = fopen;'
                 '\nint main(void) { return !opener("/", "r"); }\n',
}


@pytest.fixture(scope="module")
def lab():
    with Lab(driver="qemu") as lab:
        yield lab


def layers(image):
    return set(image.sizes.by_layer().index)


def test_a_program_without_files_and_sockets_has_no_network(lab):
    image = lab.build(QUIET, "quiet")
    whole = lab.build(QUIET, "quiet", whole=True)
    assert "net" not in layers(image) and "net" in layers(whole)
    assert image.size_bytes < whole.size_bytes * 0.6
    for one in (image, whole):
        guest = lab.boot(one, memory_mib=16)
        assert guest.wait(60) == 0 and guest.console.text == "quiet\n"


@pytest.mark.parametrize("how", USERS)
def test_a_program_that_can_use_them_has_all(lab, how):
    image = lab.build(USERS[how], "user")
    assert "net" in layers(image)
    guest = lab.boot(image, memory_mib=16)
    assert guest.wait(60) == 0, guest.console.text


def test_a_program_may_have_a_function_of_such_a_name(lab):
    image = lab.build('#include <stdio.h>\nint open(const char *door) { return puts(door); }\n'
                      'int main(void) { return open("door") < 0; }\n', "own")
    guest = lab.boot(image, memory_mib=16)
    assert guest.wait(60) == 0 and guest.console.text == "door\n"


def test_a_network_that_cannot_be_used_is_said(lab):
    guest = lab.boot(lab.build(QUIET, "quiet"), memory_mib=16, ports=[80])
    assert guest.wait(60) == 0
    assert "has no network" in guest.console.text and "--whole" in guest.console.text


def test_a_disk_that_cannot_be_mounted_stops_the_guest(lab, tmp_path):
    disk = lab.disk(tmp_path / "data.img", size_mib=4, fstype="ext2", mountpoint="/data")
    guest = lab.boot(lab.build(QUIET, "quiet"), memory_mib=16, disks=[disk])
    assert guest.wait(60) == 125
    assert "has no disks or shares" in guest.console.text and "--whole" in guest.console.text
    whole = lab.boot(lab.build(QUIET, "quiet", whole=True), memory_mib=16, disks=[disk])
    assert whole.wait(60) == 0 and whole.console.text == "quiet\n"


def test_a_call_of_the_network_by_its_bare_number_is_said(lab):
    image = lab.build("""int main(void) {
        long result;
        __asm__ volatile("syscall" : "=a"(result) : "a"(41), "D"(2), "S"(1), "d"(0)
                         : "rcx", "r11", "memory");
        return result != -38;
    }""", "bare")
    guest = lab.boot(image, memory_mib=16)
    assert guest.wait(60) == 0
    assert "system call 41 (socket)" in guest.console.text and "--whole" in guest.console.text
