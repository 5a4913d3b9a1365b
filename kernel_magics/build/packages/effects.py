"""What the packages' scripts would have done to a system, as far as programs need it.

The scripts of packages are not run: they want root, a whole system, and what they do there
may differ from one day to the next.  What matters of it is done here.

* the groups and users, hosts and name services that every Debian system has
* update-alternatives: /usr/bin/php is whatever version was installed
* PHP's modules, which its packages enable for each way to run PHP
* the certificates that TLS programs look for in one file

Source: Debian Policy, chapter 6; update-alternatives(1); hier(7).
"""

import posixpath
import re
import shlex
from collections.abc import Iterator
from stat import S_ISREG

from kernel_magics.build.packages.contents import Unpacked
from kernel_magics.build.packages.tree import RootTree

__all__ = ["apply_effects"]

FOLDERS = {"dev": 0o755, "etc": 0o755, "home": 0o755, "mnt": 0o755, "proc": 0o555,
           "root": 0o700, "run": 0o755, "srv": 0o755, "sys": 0o555, "tmp": 0o1777,
           "var/cache": 0o755, "var/lib": 0o755, "var/log": 0o755, "var/tmp": 0o1777}
LINKS = {"var/run": "/run", "var/lock": "/run/lock"}
USERS = (("root", 0, "/root"), ("daemon", 1, "/usr/sbin"), ("bin", 2, "/bin"),
         ("sys", 3, "/dev"), ("www-data", 33, "/var/www"), ("nobody", 65534, "/nonexistent"))
GROUPS = (("root", 0), ("daemon", 1), ("bin", 2), ("sys", 3), ("adm", 4), ("tty", 5),
          ("www-data", 33), ("nogroup", 65534))
NAME_SERVICES = "passwd: files\ngroup: files\nhosts: files dns\nservices: files\n"
HOSTS = "127.0.0.1 localhost\n::1 localhost\n"
PHP_PRIORITY = re.compile(rb"^;\s*priority=(\d+)", re.M)
CERTIFICATES = "usr/share/ca-certificates/"


def apply_effects(found: Unpacked) -> None:
    """Add to the tree what a guest would miss without the packages' scripts."""
    _system_files(found.tree)
    choices = [choice for control in found.controls.values()
               for choice in alternatives(control.postinst)]
    for _, link, name, path in sorted(choices, reverse=True):
        _alternative(found.tree, link, name, path)
    _php_modules(found.tree)
    _certificates(found.tree)


def _system_files(tree: RootTree) -> None:
    for path, mode in FOLDERS.items():
        tree.folder(path, mode)
    for path, target in LINKS.items():
        tree.link(path, target)
    texts = {
        "etc/passwd": "".join(f"{name}:x:{number}:{65534 if number == 65534 else number}:"
                              f"{name}:{home}:/usr/sbin/nologin\n"
                              for name, number, home in USERS),
        "etc/group": "".join(f"{name}:x:{number}:\n" for name, number in GROUPS),
        "etc/hosts": HOSTS, "etc/nsswitch.conf": NAME_SERVICES, "etc/host.conf": "multi on\n",
    }
    for path, text in texts.items():
        if path not in tree.nodes:
            tree.file(path, text)


def alternatives(script: str) -> Iterator[tuple[int, str, str, str]]:
    """Yield (priority, link, name, path) of each update-alternatives --install in a script.

    Loops over plain words are followed: `for x in a b; do … ${x} … done`.
    """
    script = re.sub(r"^\s*#.*$", "", script, flags=re.M).replace("\\\n", " ")
    loops = {match[1]: match[2].split() for match in
             re.finditer(r"\bfor\s+(\w+)\s+in\s+([^;\n$]+)[;\n]", script)}
    for match in re.finditer(r"update-alternatives\s+(--install\s[^\n;&|]*)", script):
        for line in _expanded(match[1], loops):
            try:
                words = shlex.split(line)
            except ValueError:
                continue
            priority = int(words[4]) if words[4:] and words[4].isdigit() else 0
            for at in [at for at, word in enumerate(words) if word in ("--install", "--slave")]:
                if len(words) > at + 3 and "$" not in "".join(words[at:at + 4]):
                    yield priority, words[at + 1], words[at + 2], words[at + 3]


def _expanded(line: str, loops: dict[str, list[str]]) -> list[str]:
    lines = [line]
    for variable, words in loops.items():
        pattern = re.compile(rf"\$\{{{variable}\}}|\${variable}\b")
        if pattern.search(line):
            lines = [pattern.sub(word.replace("\\", ""), one) for one in lines for word in words]
    return lines


def _alternative(tree: RootTree, link: str, name: str, path: str) -> None:
    if tree.find(path.strip("/")) is not None:
        tree.link(f"etc/alternatives/{name}", path)
        tree.link(link.strip("/"), f"/etc/alternatives/{name}")


def _php_modules(tree: RootTree) -> None:
    """Enable every module of every PHP version, and take the settings for production."""
    for path in [path for path in tree.nodes if re.fullmatch(r"etc/php/[\d.]+/\w+/conf\.d", path)]:
        etc = posixpath.dirname(path)
        version, way = etc.split("/")[2:4]
        for suffix in (f".{way}", ""):
            settings = tree.nodes.get(f"usr/lib/php/{version}/php.ini-production{suffix}")
            if settings and f"{etc}/php.ini" not in tree.nodes:
                tree.file(f"{etc}/php.ini", settings.data)
        for shipped, node in list(tree.nodes.items()):
            match = re.fullmatch(rf"usr/share/php{re.escape(version)}-\w+/\w+/(\w+)\.ini", shipped)
            if match and S_ISREG(node.mode):
                available = f"etc/php/{version}/mods-available/{match[1]}.ini"
                tree.file(available, node.data)
                priority = PHP_PRIORITY.search(node.data)
                number = priority[1].decode() if priority else "20"
                tree.link(f"{path}/{number}-{match[1]}.ini", f"/{available}")


def _certificates(tree: RootTree) -> None:
    found = [node.data for path, node in tree.files()
             if path.startswith(CERTIFICATES) and path.endswith(".crt")]
    if found:
        tree.file("etc/ssl/certs/ca-certificates.crt", b"".join(found))
