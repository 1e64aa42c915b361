"""A BMC that exists only in memory, sans-IO: datagrams and the time go in, datagrams come out.

It shares its layouts with the client and so the client's mistakes: ipmitool and FreeIPMI must be able to talk to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from itertools import count

from ipmi_lan.commands.chassis import Control
from ipmi_lan.commands.device import DeviceId
from ipmi_lan.commands.sel import OsStop
from ipmi_lan.crypto.rakp import KEY_SIZE
from ipmi_lan.crypto.suites import DEFAULT_SUITES, CipherSuite, expect_available
from ipmi_lan.errors import BadArgument, Malformed, NotAuthentic
from ipmi_lan.simulator.accounts import Accounts
from ipmi_lan.simulator.board import DEVICE_ID, Board, LanSettings, Logins15
from ipmi_lan.simulator.desk import Reply, replies_to_untrusted
from ipmi_lan.simulator.eventlog import EventLog
from ipmi_lan.simulator.faults import Faults
from ipmi_lan.simulator.host import Dump, Host
from ipmi_lan.simulator.power import Chassis
from ipmi_lan.simulator.profiles import profile_named
from ipmi_lan.simulator.sessions import Address, SessionTable
from ipmi_lan.wire.codes import AuthType, Privilege
from ipmi_lan.wire.rmcp import CLASS_ASF

GUID_SIZE, MOST_OF_NAME = 16, 16   # octets
_LOCAL = 0x02   # first octet of a MAC address that nobody assigned
_ASF = bytes((CLASS_ASF,))
_SLAVE_ADDRESSES, _CHANNELS = range(0x02, 0xFF, 2), range(0x0C)


class SimulatedBmc:
    """One BMC. It answers what it must and drops, counted, all else; only an authentic command switches power."""

    def __init__(
        self,
        name: str,
        users: Mapping[str, tuple[str, Privilege]],
        guid: bytes,
        randomness: Callable[[int], bytes],
        suites: tuple[CipherSuite, ...] = DEFAULT_SUITES,
        kg: bytes = b"",
        slots: int = 4,
        chassis: Chassis | None = None,
        device_id: DeviceId = DEVICE_ID,
        faults: Faults | None = None,
        keeps_wire: bool = False,
        auth15: tuple[AuthType, ...] = (),
        per_message_auth: bool = True,
        user_level_auth: bool = True,
        satellites: Mapping[tuple[int, int], DeviceId] | None = None,
        lan: LanSettings | None = None,
        log: EventLog | None = None,
    ) -> None:
        """`users` has password and privilege limit by name; `randomness` gives as many random octets as it is told.

        `auth15` are the authentication types of the IPMI 1.5 logins it takes; `per_message_auth` and `user_level_auth` say what
        is authenticated in such a session. Without `suites` it speaks no RMCP+. `satellites` are the controllers behind it, by
        channel and slave address. Without `lan` it has a MAC address of its own that begins with 02h and ends as the GUID does.

        Raises `BadArgument` for a name, password, GUID, BMC key `kg` or satellite that IPMI cannot carry, and for a suite that
        cannot be had here.
        """
        _check_sizes(users, guid, kg)
        _check_satellites(satellites or {})
        for suite in suites:
            expect_available(suite)
        self.name = name
        self.chassis = chassis or Chassis()
        self.faults = faults or Faults()
        self.log = log or EventLog()
        self.host = Host(self.chassis, self.log, self.faults)
        self.wire: list[tuple[str, bytes]] = []
        """With `keeps_wire`, every datagram with its direction, `in` or `out`."""
        self._keeps_wire = keeps_wire
        self._silent_until = float("-inf")
        self._held: list[tuple[float, int, bytes, Address]] = []
        self._count = count()
        self._withheld: dict[Address, list[Reply]] = {}
        self._board = Board(
            Accounts(users, self.faults), guid, randomness, suites, kg, self.chassis, self.faults, device_id,
            SessionTable(slots, randomness, self.faults), Logins15(auth15, per_message_auth, user_level_auth), satellites or {},
            lan or LanSettings(bytes((_LOCAL,)) + guid[-5:]), self.log, self.host,
        )  # fmt: skip

    @classmethod
    def of_profile(
        cls,
        profile: str,
        name: str,
        users: Mapping[str, tuple[str, Privilege]],
        guid: bytes,
        randomness: Callable[[int], bytes],
        **changes: object,
    ) -> SimulatedBmc:
        """A BMC that behaves like a family of firmware; `changes` are arguments of the constructor that go before the profile's.

        Raises `BadArgument` for a profile that does not exist, and as the constructor does.
        """
        settings: dict[str, object] = profile_named(profile).settings() | changes
        return cls(name, users, guid, randomness, **settings)   # type: ignore[arg-type]

    @property
    def counters(self) -> Counter[str]:
        """How many datagrams were dropped, by reason."""
        return self._board.counters

    @property
    def power_commands(self) -> list[tuple[float, Control | int]]:
        """Every Chassis Control that came with the privilege for it, obeyed or not, and when."""
        return self._board.power_commands

    @property
    def handshakes(self) -> int:
        """How many logins came to their end."""
        return self._board.handshakes

    def host_crashes(self, now: float, offset: OsStop = OsStop.AT_RUN_TIME) -> None:
        """The server's operating system stops: an OS Critical Stop in the event log, then a dump, then a start anew."""
        self.host.crash(now, offset)

    def dumps(self, now: float) -> list[Dump]:
        """Every dump of the server's memory so far."""
        return self.host.dumps(now)

    def open_sessions(self, now: float) -> int:
        """How many sessions are logged in."""
        return len(self._board.sessions.open(now))

    def half_open_sessions(self, now: float) -> int:
        """How many slots are taken by logins that have not come to their end."""
        return len(self._board.sessions.half_open(now))

    def restart(self, now: float, silence: float = 0.0) -> None:
        """The BMC, not the server, starts anew: sessions are forgotten, and nothing is answered for `silence` seconds."""
        self._board.sessions.end_all()
        self._board.challenges.clear()
        self._held.clear()
        self._withheld.clear()
        self._silent_until = now + silence

    def receive_datagram_untrusted(self, data: bytes, address: Address, now: float) -> list[bytes]:
        """The replies to `data`, to be sent to `address` at once; those that a fault holds back come from `due_replies`.

        Never raises: what cannot be answered is counted and dropped.
        """
        self._note("in", data)
        if self._is_silent(now):
            self.counters["silent"] += 1
            return []
        replies = self._replies_to_untrusted(data, address, now)
        if self.faults.waits_for_junk and data[3:4] != _ASF:
            before = self._withheld.pop(address, [])
            self._withheld[address], replies = replies, before
        return [reply.datagram for reply in replies if self._leaves_at_once(reply, address, now)]

    def next_due(self) -> float | None:
        """When `due_replies` has something, or None."""
        return self._held[0][0] if self._held else None

    def due_replies(self, now: float) -> list[tuple[bytes, Address]]:
        """The replies held back until now, each with the address to send it to."""
        due: list[tuple[bytes, Address]] = []
        while self._held and self._held[0][0] <= now:
            _, _, datagram, address = heappop(self._held)
            if not self._is_silent(now):
                self._note("out", datagram)
                due.append((datagram, address))
        return due

    def _replies_to_untrusted(self, data: bytes, address: Address, now: float) -> list[Reply]:
        try:
            return replies_to_untrusted(self._board, data, address, now)
        except (Malformed, NotAuthentic) as error:
            self.counters[type(error).__name__] += 1
            return []

    def _is_silent(self, now: float) -> bool:
        return self.faults.silent or now < self._silent_until

    def _leaves_at_once(self, reply: Reply, address: Address, now: float) -> bool:
        if reply.delay > 0:
            heappush(self._held, (now + reply.delay, next(self._count), reply.datagram, address))
            return False
        self._note("out", reply.datagram)
        return True

    def _note(self, direction: str, datagram: bytes) -> None:
        if self._keeps_wire:
            self.wire.append((direction, bytes(datagram)))


def _check_sizes(users: Mapping[str, tuple[str, Privilege]], guid: bytes, kg: bytes) -> None:
    if len(guid) != GUID_SIZE or len(kg) > KEY_SIZE:
        raise BadArgument(f"a GUID has {GUID_SIZE} octets and a BMC key at most {KEY_SIZE}")
    for name, (password, _) in users.items():
        if len(name.encode()) > MOST_OF_NAME or len(password.encode()) > KEY_SIZE:
            raise BadArgument(f"user '{name}': a name has at most {MOST_OF_NAME} octets, a password {KEY_SIZE}")


def _check_satellites(satellites: Mapping[tuple[int, int], DeviceId]) -> None:
    for channel, address in satellites:
        if channel not in _CHANNELS or address not in _SLAVE_ADDRESSES:
            raise BadArgument(f"satellite {address:#x} on channel {channel}: an even address, and a channel of 0 to 11")
