"""The settings as values. Every rule about one value is checked where the value is made; a wrong one is a `BadValue`."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface

from haconn_cli.config.identity import Identity

FORMAT = 1
"""Version of the configuration files' format; a file with a newer one is refused (HCME1020)."""

SMALLEST_PORT, LARGEST_PORT = 5001, 65535
IPMI_PORT = 623
MOST_SERVERS = 16
"""More than the manual's 4; a PATH_STATUS datagram has room for 16."""
LARGEST_PASSWORD = 20
"""Bytes; IPMI 2.0, 22.30 Set User Password."""
LARGEST_ACCOUNT = 16
"""Bytes; IPMI 2.0, 22.28 Set User Name."""
MOST_ADDRESSES = 8
"""Of one server."""
HIGHEST_PRIORITY = 100
MOST_KEYS = 3
"""Live at once: the old one, the new one, and one that was begun by mistake."""
LONGEST_DELAY = 60.0
"""Seconds."""
LONGEST_DUMP = 540
"""Seconds; the longest budget of a reset is 600, and after the dump the power still has to be seen off."""

_NAME = re.compile(r"[A-Za-z0-9]{1,31}")


class BadValue(ValueError):  # noqa: N818 - errors here are named for the fact
    """A setting is wrong; the text says what it is and what would be right."""


class GivenTwice(BadValue):
    """Two servers have something that only one may have."""

    def __init__(self, servers: tuple[str, str], places: tuple[int, int], what: str, value: object) -> None:
        super().__init__(f"server {servers[1]}: {what} {value} is already that of {servers[0]}")
        self.places = places
        """Both servers' places in the list, from 0, the earlier first."""
        self.what, self.value = what, value


def checked_name(name: str) -> str:
    """`name` if it may name a managed server (manual C3), else `BadValue`."""
    if not _NAME.fullmatch(name):
        raise BadValue(f"name '{name}': must be 1 to 31 letters and digits, like PSERVER1")
    return name


def checked_address(text: str) -> str:
    """`text` if it is the IP address of one host, written as usual, else `BadValue`."""
    try:
        address = ip_address(text)
    except ValueError:
        raise BadValue(f"address '{text}': must be an IP address, like 192.168.0.1 or fd00::1") from None
    if address.is_multicast or address.is_unspecified or str(address) != text:
        raise BadValue(f"address '{text}': must be the address of one host, written {address}")
    return text


@dataclass(frozen=True, slots=True)
class ResetPath:
    """This server's interface on the reset path, and the cluster's UDP port."""

    interface: IPv4Interface | IPv6Interface
    port: int

    def __post_init__(self) -> None:
        _expect_no_scope(self.interface)
        if not SMALLEST_PORT <= self.port <= LARGEST_PORT:
            raise BadValue(f"port {self.port}: must be {SMALLEST_PORT} to {LARGEST_PORT}, the same on every server")

    @property
    def address(self) -> str:
        """The interface's address without the mask."""
        return str(self.interface.ip)

    @property
    def mask(self) -> str:
        """The mask as `show setting` prints it: a dotted quad, or for IPv6 the prefix length."""
        return str(self.interface.netmask) if self.interface.version == 4 else str(self.interface.network.prefixlen)


def parse_interface(text: str) -> IPv4Interface | IPv6Interface:
    """`IP/MASK` with the mask as a dotted quad or a length (manual C1). Raises `BadValue`."""
    right = "must be IP/MASK, like 192.168.0.1/24 or 192.168.0.1/255.255.255.0"
    if "/" not in text:
        raise BadValue(f"addr '{text}': the mask is missing; {right}")
    try:
        interface = ip_interface(text)
    except ValueError:
        raise BadValue(f"addr '{text}': {right}") from None
    if interface.ip.is_multicast or interface.ip.is_unspecified:
        raise BadValue(f"addr '{text}': not an address of an interface; {right}")
    network = interface.network
    if network.num_addresses > 2 and interface.ip in (network.network_address, network.broadcast_address):
        raise BadValue(f"addr '{text}': that is the network itself, not an interface in it; {right}")
    _expect_no_scope(interface)
    return interface


def _expect_no_scope(interface: IPv4Interface | IPv6Interface) -> None:
    """An address that means something only together with an interface's name is not supported (RFC 4007)."""
    if isinstance(interface, IPv6Interface) and (interface.ip.is_link_local or interface.scope_id is not None):
        raise BadValue(
            f"addr '{interface}': IPv6 link-local addresses and those with %INTERFACE cannot be used; "
            "must be a unique local or global address, like fd00::1/64"
        )


def parse_port(text: str) -> int:
    """The reset path's port. Raises `BadValue`; the range itself is `ResetPath`'s rule."""
    if not text.isascii() or not text.isdigit() or len(text) > 5:
        raise BadValue(f"port '{text}': must be a number from {SMALLEST_PORT} to {LARGEST_PORT}")
    return int(text)


@dataclass(frozen=True, slots=True)
class BmcAddress:
    """Where a BMC listens. Prints as it is written: the port only where it is not 623."""

    host: str
    port: int = IPMI_PORT

    @classmethod
    def parse(cls, text: str) -> BmcAddress:
        """`IP`, `IP:PORT`, an IPv6 address, or `[IPv6]:PORT`. Raises `BadValue`."""
        right = "must be IP or IP:PORT, like 192.168.0.51, 192.168.0.51:623, fd00::51 or [fd00::51]:623"
        host, port = text, str(IPMI_PORT)
        if bracketed := re.fullmatch(r"\[(.*)\](?::(.*))?", text):
            host, port = bracketed[1], bracketed[2] if bracketed[2] is not None else port
        elif text.count(":") == 1:
            host, port = text.split(":")
        try:
            address = ip_address(host)
        except ValueError:
            raise BadValue(f"addr '{text}': {right}") from None
        if address.is_multicast or address.is_unspecified:
            raise BadValue(f"addr '{text}': not the address of a BMC; {right}")
        if not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535):
            raise BadValue(f"addr '{text}': port '{port}' must be 1 to 65535")
        return cls(str(address), int(port))

    @classmethod
    def probably_meant(cls, text: str) -> BmcAddress | None:
        """The address and port that a plain IPv6 address may have been meant as, like [::1]:623 by `::1:623`; else None."""
        host, _, port = text.rpartition(":")
        if text.startswith("[") or ":" not in host or not (port.isascii() and port.isdigit() and len(port) >= 3):
            return None
        try:
            return cls.parse(f"[{host}]:{port}")
        except BadValue:
            return None

    def __str__(self) -> str:
        if self.port == IPMI_PORT:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Account:
    """A user of a BMC. The password never shows in a `repr`."""

    name: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.name or not self.name.isprintable():
            raise BadValue(f"account '{self.name}': must be the name of a BMC user, 1 to {LARGEST_ACCOUNT} bytes")
        for what, text, most in (("account", self.name, LARGEST_ACCOUNT), ("password", self.password, LARGEST_PASSWORD)):
            try:
                size = len(text.encode())
            except UnicodeEncodeError:
                raise BadValue(f"{what}: is not UTF-8 text") from None
            if size > most:
                raise BadValue(f"{what}: {size} bytes are more than IPMI carries; at most {most}")
        if not self.password:
            raise BadValue("password: must not be empty")
        if "\0" in self.password:
            raise BadValue("password: must not contain a NUL character")


@dataclass(frozen=True, slots=True)
class ManagedServer:
    """One managed server: its partition name and its BMC."""

    name: str
    bmc: BmcAddress
    account: Account | None = None
    """None: the default account."""
    identity: Identity | None = None
    """Which BMC it must be; None: the one that each connector sees there first."""
    addresses: tuple[str, ...] = ()
    """The server's own addresses, from which its fence_kdump speaks."""
    priority: int = 0
    """Of two servers that would reset each other, the one with the higher priority does."""
    delay: float = 0.0
    """Seconds that every reset of this server waits first."""

    def __post_init__(self) -> None:
        checked_name(self.name)
        if not 0 <= self.priority <= HIGHEST_PRIORITY:
            raise BadValue(f"priority {self.priority}: must be 0 to {HIGHEST_PRIORITY}; the higher one wins")
        if not 0 <= self.delay <= LONGEST_DELAY:
            raise BadValue(f"delay {self.delay}: must be 0 to {LONGEST_DELAY:.0f} seconds")
        if len(self.addresses) > MOST_ADDRESSES:
            raise BadValue(f"{len(self.addresses)} addresses: at most {MOST_ADDRESSES}")
        for address in self.addresses:
            checked_address(address)


@dataclass(frozen=True, slots=True)
class Servers:
    """The managed servers in the order they were added (file `conf_pserver`)."""

    servers: tuple[ManagedServer, ...] = ()
    default_account: Account | None = None

    def __post_init__(self) -> None:
        if len(self.servers) > MOST_SERVERS:
            raise BadValue(f"{len(self.servers)} servers: at most {MOST_SERVERS}")
        seen: dict[object, int] = {}
        for place, server in enumerate(self.servers):
            for what, value in (("name", server.name), ("BMC address", server.bmc)):
                if (first := seen.setdefault(value, place)) != place:
                    raise GivenTwice((self.servers[first].name, server.name), (first, place), what, value)
            if server.account is None and self.default_account is None:
                raise BadValue(f"server {server.name}: has no account; set account=, or once 'haconnsetup default account=NAME'")

    def find(self, name: str) -> ManagedServer | None:
        """The server of that name, or None."""
        return next((server for server in self.servers if server.name == name), None)

    def account_of(self, server: ManagedServer) -> Account:
        """The server's own account, else the default one."""
        account = server.account or self.default_account
        assert account is not None, "checked when the servers were put together"
        return account

    def digest(self, *, arbitrates: bool = True) -> bytes:
        """8 bytes that are equal on servers with the same list of servers, in any order.

        In it is what they must agree on: names, BMC addresses, account names, identities and priorities; and, where connectors
        compare them, whether they arbitrate.
        """
        lines = sorted(
            f"{server.name}\0{server.bmc}\0{self.account_of(server).name}\0{server.identity or ''}\0{server.priority}"
            for server in self.servers
        )
        told = lines if arbitrates else [*lines, "\0does not arbitrate"]
        return hashlib.sha256("\n".join(told).encode()).digest()[:8]


@dataclass(frozen=True, slots=True)
class Service:
    """How the daemon behaves (table `service` of `conf_haconn`). Times in seconds."""

    poll_interval: float = 1.0
    """Between two readings of a BMC's power state; stretched by itself where a BMC is slow."""
    patience: int = 3
    """Readings in a row without an answer before a link is NG: one lost reading is weather, three are a fault."""
    own_server: str | None = None
    """The server that this connector stands on; None: HA Monitor tells (HELLO)."""
    syslog: str = "/dev/log"
    """The local syslog socket."""
    arbitration_wait: float = 0.3
    """Between announcing a reset and beginning it: many round trips on the reset path. 0: none, and no announcement."""
    dump_wait: float = 0.0
    """At most so long a reset waits for a crash dump that is being written; 0: not at all."""
    dump_limit: float = 60.0
    """So long a dump-then-cycle waits for the end of the dump that it asked for."""
    kdump_port: int = 0
    """UDP port on which fence_kdump is listened for, usually 7410; 0: none."""
    sel_interval: float = 10.0
    """Between two looks into a BMC's event log for a crash; 0: none."""
    hook: str | None = None
    """An executable that is told every event; None: none."""

    def __post_init__(self) -> None:
        if not 0.2 <= self.poll_interval <= 60:
            raise BadValue(f"poll_interval {self.poll_interval}: must be 0.2 to 60 seconds")
        if not 1 <= self.patience <= 60:
            raise BadValue(f"patience {self.patience}: must be 1 to 60 readings")
        if self.own_server is not None:
            checked_name(self.own_server)
        for what, value, most in (("arbitration_wait", self.arbitration_wait, 5), ("dump_wait", self.dump_wait, LONGEST_DUMP)):
            if not 0 <= value <= most:
                raise BadValue(f"{what} {value}: must be 0 to {most} seconds")
        if not 1 <= self.dump_limit <= LONGEST_DUMP:
            raise BadValue(f"dump_limit {self.dump_limit}: must be 1 to {LONGEST_DUMP} seconds")
        if self.sel_interval != 0 and not 1 <= self.sel_interval <= 3600:
            raise BadValue(f"sel_interval {self.sel_interval}: must be 1 to 3600 seconds, or 0 for never")
        if not 0 <= self.kdump_port <= LARGEST_PORT:
            raise BadValue(f"kdump_port {self.kdump_port}: must be 1 to {LARGEST_PORT}, or 0 for none")
        if self.hook is not None and not self.hook.startswith("/"):
            raise BadValue(f"hook '{self.hook}': must be the absolute path of an executable")


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the reset path: 32 random bytes under a number."""

    id: int
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.id <= 255:
            raise BadValue(f"key id {self.id}: must be 0 to 255")
        if len(self.secret) != 32:
            raise BadValue(f"key {self.id}: must be 32 bytes, not {len(self.secret)}")

    @property
    def fingerprint(self) -> str:
        """Eight digits by which two people see that they mean the same key; nothing about the key follows from them."""
        return hashlib.sha256(self.secret).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The cluster's id and its live keys (file `conf_key`); the first key sends, all are accepted."""

    cluster: bytes
    keys: tuple[Key, ...]

    def __post_init__(self) -> None:
        if len(self.cluster) != 16:
            raise BadValue(f"cluster id: must be 16 bytes, not {len(self.cluster)}")
        if not 1 <= len(self.keys) <= MOST_KEYS:
            raise BadValue(f"{len(self.keys)} keys: must be 1 to {MOST_KEYS}")
        if len({key.id for key in self.keys}) != len(self.keys):
            raise BadValue("two keys have the same id")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the daemon runs on."""

    reset_path: ResetPath
    servers: Servers
    keys: KeyRing
    service: Service = Service()
