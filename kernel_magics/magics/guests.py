"""%rumpps, %rumpstop, %rumppause, %rumpresume and %rumpconsole: the guests there are."""

from types import SimpleNamespace
from typing import Any

from kernel_magics.errors import UsageError
from kernel_magics.magics.arguments import Argument, Command, Option
from kernel_magics.magics.session import notebook_lab
from kernel_magics.magics.values import whole

__all__ = ["MAGICS"]

RUMPPS = Command(
    "rumpps", "list the guests: this notebook's, other notebooks', and those that survived",
    details="A guest goes on running when the kernel of its notebook is restarted; it is "
            "listed again and can be stopped.",
    examples=("%rumpps",))

RUMPSTOP = Command(
    "rumpstop", "stop a guest at once",
    arguments=(Argument("NAME", "the guest", required=False, complete="guest"),),
    options=(Option("--all", "all running guests that no other notebook owns"),),
    examples=("%rumpstop hello", "%rumpstop --all"))

RUMPPAUSE = Command(
    "rumppause", "stop a guest's processor; its memory stays, and can be looked into",
    arguments=(Argument("NAME", "the guest", complete="guest"),),
    details="""Threads, variables and files of one that is paused are told as they are at one
    instant. Under TCG its clock stands as well. Who is connected with it waits, and may lose
    patience.""",
    examples=("%rumppause server",))

RUMPRESUME = Command(
    "rumpresume", "let a paused guest go on",
    arguments=(Argument("NAME", "the guest", complete="guest"),),
    details="One that stands at a breakpoint goes on from there, as with %rumpdebug NAME continue.",
    examples=("%rumpresume server",))

RUMPCONSOLE = Command(
    "rumpconsole", "show a terminal on a guest's console",
    arguments=(Argument("NAME", "the guest", complete="guest"),),
    options=(
        Option("--send", "send this line and show nothing", "TEXT"),
        Option("--lines", "height of the view", "N", kind=whole, default=24)),
    details="""Every key goes to the guest, Ctrl-D ends its input, Ctrl-C interrupts its program
    (with text selected it copies). Ctrl-Shift-F finds text in what scrolled away, Shift-Esc
    leaves the terminal. Drag its lower corner: the guest is told the size. The whole text is
    guest.console.text.""",
    examples=("%rumpconsole echo", "%rumpconsole echo --send \"hello there\""))


def rumpps(_options: SimpleNamespace, _cell: str | None) -> Any:
    """Return the list of guests."""
    return notebook_lab().guests()


def rumpstop(options: SimpleNamespace, _cell: str | None) -> None:
    """Stop one guest, or all that are ours or nobody's."""
    lab = notebook_lab()
    if bool(options.name) == options.all:
        raise UsageError("%rumpstop needs the name of a guest, or --all",
                         next_step="%rumpps lists the guests")
    if options.name:
        guest = lab.guest(options.name)
        had_ended = guest.machine.has_ended()
        guest.stop()
        print(f"{guest.name} had ended before: {guest.state}" if had_ended
              else f"{guest.name} stopped")
        return
    for guest in lab.guests():
        if guest.state in ("running", "paused") and guest.owner != "another notebook":
            lab.stop(guest.name)
            print(f"{guest.name} stopped")


def rumppause(options: SimpleNamespace, _cell: str | None) -> None:
    """Pause one guest."""
    guest = notebook_lab().guest(options.name)
    if guest.state == "paused":
        print(f"{guest.name} was paused already")
        return
    guest.pause()
    print(f"{guest.name} is paused; %rumpresume {guest.name} lets it go on")


def rumpresume(options: SimpleNamespace, _cell: str | None) -> None:
    """Let one guest go on."""
    guest = notebook_lab().guest(options.name)
    if guest.state == "running":
        print(f"{guest.name} was running already")
        return
    guest.resume()
    print(f"{guest.name} goes on")


def rumpconsole(options: SimpleNamespace, _cell: str | None) -> Any:
    """Return the ConsoleView, or send one line."""
    guest = notebook_lab().guest(options.name)
    if options.send is not None:
        guest.console.send(options.send + "\n")
        return None
    from kernel_magics.widgets.console.view import ConsoleView
    return ConsoleView(guest, options.lines)


MAGICS = ((RUMPPS, rumpps), (RUMPSTOP, rumpstop), (RUMPPAUSE, rumppause),
          (RUMPRESUME, rumpresume), (RUMPCONSOLE, rumpconsole))
