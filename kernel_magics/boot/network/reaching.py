"""How the host reaches a guest over the network: its address, its ports, HTTP, its traffic."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from kernel_magics.boot.network.capture import Pcap
from kernel_magics.boot.network.http import Response, request
from kernel_magics.boot.network.network import LOOPBACK
from kernel_magics.errors import GuestError, UsageError

if TYPE_CHECKING:
    from kernel_magics.boot.guest import Guest
    from kernel_magics.boot.registry import GuestFiles, GuestRecord

__all__ = ["Reachable"]


class Reachable:
    """The part of a Guest that is about its network; what it was booted with is in `spec`."""

    name: str
    record: "GuestRecord"
    spec: dict[str, object]
    host_files: "GuestFiles"

    @property
    def network_kind(self) -> str:
        """ "user", "passt", "tap" or "bridge"; "" for a guest without network."""
        return str(self.spec.get("net") or "").partition(":")[0]

    @property
    def address(self) -> str:
        """The address at which this machine reaches it: 127.0.0.1 where ports are forwarded,
        else the static one it was given.  Raises GuestError if there is none, or only
        DHCP knows it."""
        if not self.network_kind:
            raise GuestError(f"{self.name} has no network", name=self.name,
                             next_step="boot it with ports=[80], or net=\"user\"")
        if self.network_kind in ("user", "passt"):
            return LOOPBACK
        for text in cast(list[str], self.spec.get("address") or []):
            if "/" in text:
                return text.split("/")[0]
        raise GuestError(f"{self.name} has its address on {self.spec['net']} from DHCP, and the "
                         "lab does not know it", name=self.name,
                         next_step='give it one: address="192.168.7.2/24"')

    @property
    def ports(self) -> dict[int | str, int]:
        """The guest's ports that are forwarded → this machine's: {80: 8080}; a UDP port is
        called "53/udp"."""
        return {int(key) if key.isdecimal() else key: port
                for key, port in self.record.ports.items()}

    @property
    def url(self) -> str:
        """Where a browser on this machine reaches its first forwarded TCP port; "" if none."""
        port = next((host for guest, host in self.ports.items() if isinstance(guest, int)), 0)
        return f"http://{self.address}:{port}/" if port else ""

    def host_port(self, port: int) -> int:
        """Return the port to connect to at `address` for the guest's TCP port `port`.

        Raises UsageError naming the ports that are forwarded.
        """
        if self.network_kind in ("tap", "bridge"):
            return port
        found = self.ports.get(port)
        if found is None:
            there = ", ".join(map(str, self.ports)) or "none"
            raise UsageError(f"port {port} of {self.name} is not forwarded; forwarded are: {there}",
                             next_step=f"boot it with ports=[{port}]")
        return found

    def http(self, path: str = "/", *, port: int = 80, method: str = "GET",
             body: bytes | str | None = None, headers: Mapping[str, str] | None = None,
             timeout: float = 10.0) -> Response:
        """Send one HTTP request to the guest's `port` and return the answer.

        Waits until the guest listens; `timeout` (seconds) is for that and the answer.
        Raises GuestTimeout if nothing listens or answers; GuestError if the guest has ended,
        has no network or does not speak HTTP; UsageError if the port is not forwarded.  Each
        shows the end of the console.
        """
        if not path.startswith("/"):
            raise UsageError(f"{path!r} is no path of a URL", next_step=f'write "/{path}"')
        return request(cast("Guest", self), path, port, method, body, headers or {}, timeout)

    @property
    def pcap(self) -> Pcap:
        """The traffic of a guest booted with capture=True; raises GuestError if it was not."""
        if not self.spec.get("capture"):
            raise GuestError(f"{self.name} was booted without a capture of its traffic",
                             name=self.name, next_step="boot it with capture=True")
        return Pcap(cast("Guest", self), self.host_files.capture)
