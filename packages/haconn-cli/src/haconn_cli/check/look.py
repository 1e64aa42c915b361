"""A look at a BMC: log in as the connector would, ask who it is, read the power, and leave. Nothing is switched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import trio

from haconn_cli.config.model import Account, ManagedServer
from haconn_cli.sighting import Sighting, read_mac
from ipmi_lan import (
    Client,
    Command,
    CommandRefused,
    IpmiError,
    KnownBmcs,
    Malformed,
    NoAnswer,
    Privilege,
    open_client,
)
from ipmi_lan.commands.chassis import ChassisStatus, get_chassis_status
from ipmi_lan.commands.device import DeviceId, get_device_id
from ipmi_lan.commands.login import SessionInfo, get_session_info
from ipmi_lan.commands.users import get_user_access

LOGIN_TIMEOUT = 10.0
QUESTION_TIMEOUT = 3.0
"""Seconds for each of the questions; six are asked at most."""
PROGRESS_INTERVAL = 2.0

_Reply = TypeVar("_Reply")


@dataclass(frozen=True, slots=True)
class Look:
    """What was found. What is None was not told; with an `error`, all after it was not asked either."""

    server: ManagedServer
    account: Account
    error: IpmiError | None = None
    seen: Sighting | None = None
    """None: no login came about."""
    suite: int | None = None
    device: DeviceId | None = None
    status: ChassisStatus | None = None
    sessions: SessionInfo | None = None
    may_be_administrator: bool | None = None
    seconds: float = 0.0
    """All of it took so long."""


def look_at(
    targets: Sequence[tuple[ManagedServer, Account]], on_progress: Callable[[list[str]], None] = lambda waiting: None
) -> list[Look]:
    """A look at each, all at the same time; in the order of `targets`. Raises nothing but KeyboardInterrupt.

    `on_progress` is told now and then the names of those that have not ended yet.
    """
    return trio.run(_look_at_all, targets, on_progress)


async def _look_at_all(
    targets: Sequence[tuple[ManagedServer, Account]], on_progress: Callable[[list[str]], None]
) -> list[Look]:
    looks: dict[str, Look] = {}

    async def look(server: ManagedServer, account: Account) -> None:
        looks[server.name] = await look_at_one(server, account)

    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as looking:
            nursery.start_soon(_tell_progress, [server.name for server, _ in targets], looks, on_progress)
            for server, account in targets:
                looking.start_soon(look, server, account)
        nursery.cancel_scope.cancel()
    return [looks[server.name] for server, _ in targets]


async def _tell_progress(names: list[str], looks: dict[str, Look], on_progress: Callable[[list[str]], None]) -> None:
    while True:
        await trio.sleep(PROGRESS_INTERVAL)
        on_progress([name for name in names if name not in looks])


async def look_at_one(server: ManagedServer, account: Account) -> Look:
    """Log in and ask; ends within a minute whatever the BMC does. Raises nothing: what failed is `error`."""
    began = trio.current_time()
    look = Look(server, account)
    try:
        async with open_client(
            server.bmc.host, account.name, account.password, port=server.bmc.port, privilege=Privilege.OPERATOR,
            timeout=LOGIN_TIMEOUT, logs_in_again=False, known=KnownBmcs(),
        ) as client:  # fmt: skip
            look = await _ask(client, look)
    except IpmiError as error:
        look = replace(look, error=error)
    return replace(look, seconds=trio.current_time() - began)


async def _ask(client: Client, look: Look) -> Look:
    """Raises what ends a session, and what leaves a connector without the power state."""
    peer = client.peer
    suite = None if peer.suite is None else peer.suite.id
    look = replace(look, seen=Sighting.of(peer.guid, await _mac(client)), suite=suite)
    device = await _told(client, get_device_id())
    sessions = await _told(client, get_session_info())
    look = replace(look, device=device, sessions=sessions)
    try:
        status = await client.run(get_chassis_status(), QUESTION_TIMEOUT)
    except (CommandRefused, NoAnswer, Malformed) as error:
        return replace(look, error=error)
    return replace(look, status=status, may_be_administrator=await _may_be_administrator(client, sessions))


async def _mac(client: Client) -> bytes | None:
    try:
        return await read_mac(client, QUESTION_TIMEOUT)
    except (CommandRefused, NoAnswer):
        return None


async def _told(client: Client, command: Command[_Reply]) -> _Reply | None:
    try:
        return await client.run(command, QUESTION_TIMEOUT)
    except (CommandRefused, NoAnswer, Malformed):
        return None


async def _may_be_administrator(client: Client, sessions: SessionInfo | None) -> bool | None:
    """Whether the account's limit at the BMC is above what the connector asks for."""
    user = None if sessions is None else sessions.user_id
    if not user:
        return None
    access = await _told(client, get_user_access(user))
    return None if access is None else Privilege.OPERATOR < access.limit <= Privilege.OEM
