"""What went wrong in a step, why, and what to do: read from the words of the tools."""

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["SetupError", "CommandFailed", "Explanation", "explain"]

TAIL_LINES = 12
TAIL_WIDTH = 400


class SetupError(Exception):
    """A step cannot be done; `fix` says what to do, `tail` is the end of its log."""

    def __init__(self, message: str, *, fix: str, tail: str = "", log: Path | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.tail = tail
        self.log = log


class CommandFailed(SetupError):
    """A command of a step ended with a status other than 0."""

    def __init__(self, argv: list[str], status: int, log: Path) -> None:
        tail = tail_of(log)
        cause = explain(tail)
        program = argv[2] if argv[1:2] == ["-m"] else Path(argv[0]).name
        message = f"{program} ended with status {status}"
        super().__init__(
            f"{message}: {cause.what}" if cause else message,
            fix=cause.fix if cause else f"read {log}, repair what it names, then run this again",
            tail=tail, log=log,
        )
        self.argv = argv
        self.status = status


@dataclass(frozen=True)
class Explanation:
    """A known cause: the words it is recognised by, what it is, what to do."""

    pattern: str
    what: str
    fix: str


# The first that matches wins: a full disk makes every tool fail with further words.
CAUSES = (
    Explanation(
        r"No space left on device|ENOSPC|not enough free space|Disk quota exceeded",
        "the disk is full",
        "free some space (a first set-up needs about 3 GB; `df -h .` shows what is left), "
        "then run this again"),
    Explanation(
        r"Could not get lock|Unable to acquire the dpkg frontend lock|is another process using it",
        "another program is installing packages",
        "wait until it has finished, then run this again"),
    Explanation(
        r"dpkg was interrupted",
        "an earlier installation of packages was interrupted",
        "run `dpkg --configure -a` as an administrator, then run this again"),
    Explanation(
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|SELF_SIGNED_CERT|"
        r"UNABLE_TO_(GET|VERIFY)|unable to get local issuer",
        "a package registry's certificate is not trusted here",
        "if this network has its own certificate authority, name its file in SSL_CERT_FILE, "
        "PIP_CERT and NODE_EXTRA_CA_CERTS, then run this again"),
    Explanation(
        r"Temporary failure (in name resolution|resolving)|Name or service not known|"
        r"Could not resolve|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ECONNRESET|ENETUNREACH|"
        r"Network is unreachable|Connection (refused|timed out|failed)|Cannot initiate the conn|"
        r"NewConnectionError|ProxyError|ReadTimeoutError|Failed to fetch",
        "a package registry could not be reached",
        "check the network and the proxy settings (http_proxy, https_proxy), then run this again"),
    Explanation(
        r"Permission denied|EACCES",
        "a file belongs to another user",
        "give the project folder to this user (chown -R), or use a clone of your own; "
        "a folder that root has set up can only be set up by root"),
    Explanation(
        r"Read-only file system|EROFS",
        "the project folder cannot be written",
        "clone the project into a folder of your own and start it there"),
    Explanation(
        r"Unable to locate package|has no installation candidate",
        "this system's package lists do not have one of the packages",
        "the lab is made for Debian 12 (bookworm); on another system install the equivalents"),
)


def explain(text: str) -> Explanation | None:
    """Return the first known cause whose words occur in `text`, or None."""
    for cause in CAUSES:
        if re.search(cause.pattern, text):
            return cause
    return None


def tail_of(log: Path, lines: int = TAIL_LINES) -> str:
    """Return the last `lines` lines of a log, without terminal control sequences."""
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return ""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "\n")
    whole = [line for line in text.splitlines() if line.strip()][-lines:]
    return "\n".join(line if len(line) <= TAIL_WIDTH else f"{line[:TAIL_WIDTH]}…" for line in whole)
