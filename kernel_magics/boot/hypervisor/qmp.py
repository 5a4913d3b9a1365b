"""The few QMP commands a lab needs: one connection for each, no state kept."""

import json
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kernel_magics.boot.process import ProcessId

__all__ = ["QmpError", "command", "command_when_ready", "patient_command"]

PATIENCE_S = 5.0
START_PATIENCE_S = 20.0


class QmpError(Exception):
    """QEMU is gone, or refused."""


def command(path: Path, name: str, **arguments: object) -> Any:
    """Run one QMP command and return its result; raises QmpError."""
    return patient_command(path, name, PATIENCE_S, arguments)


def patient_command(path: Path, name: str, patience_s: float,
                    arguments: Mapping[str, object]) -> Any:
    """Run one QMP command, which may take `patience_s`; raises QmpError.

    Source: QEMU docs/interop/qmp-spec.txt: greeting, capabilities negotiation, command;
    events may stand between a command and its answer.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(patience_s)
            connection.connect(str(path))
            with connection.makefile("rw") as stream:
                stream.readline()
                _ask(stream, "qmp_capabilities", {})
                return _ask(stream, name, dict(arguments))
    except (OSError, ValueError) as error:
        raise QmpError(str(error)) from error


def command_when_ready(process: ProcessId, path: Path, name: str) -> Any:
    """Run a command of a QEMU that may have been started this instant and not listen yet.

    Raises QmpError if it ends, refuses, or does not listen in time.
    """
    deadline = time.monotonic() + START_PATIENCE_S
    while True:
        alive = process.is_alive()
        try:
            return command(path, name)
        except QmpError as error:
            early = isinstance(error.__cause__, FileNotFoundError | ConnectionRefusedError)
            if not (alive and early and time.monotonic() < deadline):
                raise
        time.sleep(0.001)


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
