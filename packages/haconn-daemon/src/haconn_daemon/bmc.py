"""The way to one managed server's BMC: where it is, who we are there, and that it is still the same one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from haconn_cli.config.model import Account, ManagedServer
from ipmi_lan import Client, CommandRefused, IpmiError, KnownBmcs, Privilege, open_client
from ipmi_lan.commands.device import get_device_id

DEVICE_ID_TIMEOUT = 2.0
"""Seconds."""
_NO_GUID = bytes(16)


class WrongIdentity(IpmiError):  # noqa: N818 - errors here are named for the fact
    """Another BMC answers at this address than the one seen before; it must not be switched."""

    def __init__(self, pinned: bytes, seen: bytes) -> None:
        super().__init__(f"another BMC answers there: GUID {seen.hex()}, before it was {pinned.hex()}")
        self.pinned = pinned
        self.seen = seen


class NotReady(IpmiError):  # noqa: N818
    """The BMC says itself that it is starting or updating; what it says of the power then is worth nothing."""

    def __init__(self) -> None:
        super().__init__("the BMC is starting or updating its firmware")


class Bmc:
    """One managed server's BMC. Its GUID is pinned at the first login: the code of RAKP 2 covers it, so that it is proven.

    A BMC that reports an all-zero GUID has none, and nothing is pinned; but one that had a GUID must show it again.
    """

    def __init__(self, server: ManagedServer, account: Account) -> None:
        self.name = server.name
        self.address = server.bmc
        self.pinned_guid: bytes | None = None
        self._account = account
        self._known = KnownBmcs()

    @asynccontextmanager
    async def open(self, timeout: float) -> AsyncIterator[Client]:
        """Log in within `timeout` seconds, as an operator: enough to read and switch power, and no more.

        A session that is lost stays lost: each login looks anew whose BMC it is, and whether it is ready. Raises what
        `ipmi_lan.open_client` raises, `WrongIdentity` and `NotReady`.
        """
        who, where = self._account, self.address
        async with open_client(
            where.host, who.name, who.password, port=where.port, privilege=Privilege.OPERATOR, timeout=timeout,
            logs_in_again=False, known=self._known,
        ) as client:  # fmt: skip
            self._check_identity(client.peer.guid)
            await _check_readiness(client)
            yield client

    def _check_identity(self, guid: bytes) -> None:
        if self.pinned_guid is None:
            self.pinned_guid = None if guid == _NO_GUID else guid
        elif guid != self.pinned_guid:
            raise WrongIdentity(self.pinned_guid, guid)


async def _check_readiness(client: Client) -> None:
    """Raises `NotReady`. A BMC that refuses Get Device ID, which none should, is taken for ready."""
    try:
        device = await client.run(get_device_id(), DEVICE_ID_TIMEOUT)
    except CommandRefused:
        return
    if device.is_starting_or_updating:
        raise NotReady
