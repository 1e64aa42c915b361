"""The segment of the reset path: who can be reached at once, and whose datagrams may be those of a connector. Sans-IO."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_address

from haconn_cli.config.model import ResetPath, Servers
from haconn_cli.resetpath.seal import Address

ALL_NODES = "ff02::1"
"""All hosts of an IPv6 link (RFC 4291, 2.7.1); IPv6 has no broadcasts."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What the setting `addr` says of the network around the connector."""

    interface: IPv4Interface | IPv6Interface
    port: int

    @classmethod
    def of(cls, reset_path: ResetPath) -> Segment:
        """The segment of these settings."""
        return cls(reset_path.interface, reset_path.port)

    @property
    def own(self) -> Address:
        """Where the connector itself is."""
        return str(self.interface.ip), self.port

    @property
    def is_point(self) -> bool:
        """Whether the mask leaves room for two hosts at most: such a network has no broadcast (RFC 3021), and says nothing of
        who may be reached through it.
        """
        return self.interface.network.num_addresses <= 2

    @property
    def everyone(self) -> Address | None:
        """Where to send what is for all connectors; None where there is no such address."""
        if self.is_point:
            return None
        if self.interface.version == 6:
            return ALL_NODES, self.port
        return str(self.interface.network.broadcast_address), self.port

    def holds(self, host: str) -> bool:
        """Whether a host of that address may be on the reset path."""
        return self.is_point or ip_address(host) in self.interface.network

    def configured(self, servers: Servers) -> tuple[Address, ...]:
        """Where connectors are to be expected beside those that are heard: the servers' own addresses on the segment."""
        hosts = [address for server in servers.servers for address in server.addresses if self._is_neighbour(address)]
        return tuple((host, self.port) for host in hosts)

    def _is_neighbour(self, host: str) -> bool:
        address = ip_address(host)
        return address.version == self.interface.version and address != self.interface.ip and self.holds(host)
