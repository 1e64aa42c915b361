"""The way to one managed server's BMC: where it is, who we are there, and that it is still the same one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from haconn_cli.config.model import Account, ManagedServer
from haconn_cli.sighting import Sighting, read_mac
from haconn_daemon.bmcs.roster import Need, Refusal, Roster
from haconn_daemon.bmcs.sharing import Sharing
from ipmi_lan import Client, CommandRefused, IpmiError, KnownBmcs, NoAnswer, Privilege, open_client
from ipmi_lan.commands.device import get_device_id

DEVICE_ID_TIMEOUT = 2.0
MAC_TIMEOUT = 1.0
"""Seconds."""


class WrongIdentity(IpmiError):  # noqa: N818 - errors here are named for the fact
    """It is not proven that the BMC at this address is this server's and no other's; it must not be switched."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.why)
        self.pinned = refusal.pinned
        self.seen = refusal.seen


class NotReady(IpmiError):  # noqa: N818
    """The BMC says itself that it is starting or updating; what it says of the power then is worth nothing."""

    def __init__(self) -> None:
        super().__init__("the BMC is starting or updating its firmware")


class Bmc:
    """One managed server's BMC. Each login shows whether it is the one that is pinned: `roster` knows."""

    def __init__(self, server: ManagedServer, account: Account, roster: Roster | None = None) -> None:
        """`roster` is that of all servers; without, this BMC is pinned by itself."""
        self.name = server.name
        self.address = server.bmc
        self._server = server
        self._account = account
        self.sharing = Sharing()
        self._roster = roster or Roster([server], {})
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
            refusal = self._roster.admit(self._server, await self._look(client))
            if refusal is not None:
                raise WrongIdentity(refusal)
            await _check_readiness(client)
            yield client

    def expect_right(self) -> None:
        """What other BMCs have shown since the login may tell that this one is theirs. Raises `WrongIdentity`."""
        refusal = self._roster.doubt(self._server)
        if refusal is not None:
            raise WrongIdentity(refusal)

    async def _look(self, client: Client) -> Sighting:
        guid = client.peer.guid
        need = self._roster.need_of_mac(self._server, guid)
        if need is Need.NONE:
            return self._roster.sighting(self._server, guid)
        try:
            return Sighting.of(guid, await read_mac(client, MAC_TIMEOUT))
        except NoAnswer:
            if need is Need.ABSOLUTE:
                raise
            return Sighting.of(guid)


async def _check_readiness(client: Client) -> None:
    """Raises `NotReady`. A BMC that refuses Get Device ID, which none should, is taken for ready."""
    try:
        device = await client.run(get_device_id(), DEVICE_ID_TIMEOUT)
    except CommandRefused:
        return
    if device.is_starting_or_updating:
        raise NotReady
