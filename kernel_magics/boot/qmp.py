"""The few QMP commands a lab needs: one connection for each, no state kept."""

import json
import socket
from pathlib import Path
from typing import Any

__all__ = ["QmpError", "command"]

PATIENCE_S = 5.0


class QmpError(Exception):
    """QEMU is gone, or refused."""


def command(path: Path, name: str, **arguments: object) -> Any:
    """Run one QMP command and return its result; raises QmpError.

    Source: QEMU docs/interop/qmp-spec.txt: greeting, capabilities negotiation, command;
    events may stand between a command and its answer.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE_S)
            connection.connect(str(path))
            with connection.makefile("rw") as stream:
                stream.readline()
                _ask(stream, "qmp_capabilities", {})
                return _ask(stream, name, arguments)
    except (OSError, ValueError) as error:
        raise QmpError(str(error)) from error


def _ask(stream: Any, name: str, arguments: dict[str, object]) -> Any:
    stream.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
    stream.flush()
    while line := stream.readline():
        answer = json.loads(line)
        if "return" in answer:
            return answer["return"]
        if "error" in answer:
            raise QmpError(answer["error"]["desc"])
    raise QmpError("QEMU ended the connection")
