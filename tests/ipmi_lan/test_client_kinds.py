"""Every kind of session by the real clients, with trio and without: what the arguments of `open_client` ask for is what comes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import trio

from ipmi_lan import blocking
from ipmi_lan.command import Command, Hop
from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.commands.device import get_device_id
from ipmi_lan.crypto.rakp import Variation
from ipmi_lan.crypto.suites import SUITES
from ipmi_lan.errors import AuthTypeRefused, CommandRefused, PrivilegeTooHigh, SuiteUnavailable, WrongPassword
from ipmi_lan.quirks import Quirk
from ipmi_lan.session.events import Peer
from ipmi_lan.session.memory import KnownBmcs
from ipmi_lan.simulator import Auth15Faults, Faults, LoginFaults, SessionFaults
from ipmi_lan.simulator.board import DEVICE_ID
from ipmi_lan.wire.codes import AuthType, Privilege
from tests.fakes.blocked import HOST, blocked
from tests.fakes.network import AnyBmc, Network, run_virtually
from tests.ipmi_lan.connecting import connect
from tests.ipmi_lan.simulator.console import GUID, USERS, a_bmc

Visit = Callable[..., tuple[Peer, list[Any]]]
STATUS = get_chassis_status()


def with_trio(bmc: AnyBmc, commands: Sequence[Command[Any]], **settings: Any) -> tuple[Peer, list[Any]]:
    """Log in and run `commands`."""

    async def story() -> tuple[Peer, list[Any]]:
        async with connect(Network(bmc), **settings) as client:
            return client.peer, [await client.run(command) for command in commands]

    return run_virtually(story)


def without_trio(bmc: AnyBmc, commands: Sequence[Command[Any]], **settings: Any) -> tuple[Peer, list[Any]]:
    """The same."""
    user = settings.pop("user", "admin")
    password = settings.pop("password", USERS[user][0])
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        blocked(monkeypatch, bmc),
        blocking.open_client(HOST, user, password, known=KnownBmcs(), **settings) as client,
    ):
        return client.peer, [client.run(command) for command in commands]


BOTH = pytest.mark.parametrize("visit", [with_trio, without_trio])


@BOTH
@pytest.mark.parametrize("number", sorted(SUITES))
def test_every_cipher_suite(visit: Visit, number: int) -> None:
    suite = SUITES[number]
    try:
        bmc = a_bmc(suites=(suite,))
    except SuiteUnavailable:
        pytest.skip("the cryptography package has no RC4 here")
    peer, (status,) = visit(bmc, [STATUS], suites=[suite], accepts_forgeable_answers=True)
    assert status.power_is_on
    assert (peer.suite, peer.guid, peer.auth15) == (suite, GUID, None)


@BOTH
@pytest.mark.parametrize("kind", [AuthType.NONE, AuthType.STRAIGHT, AuthType.MD2, AuthType.MD5])
@pytest.mark.parametrize("per_message", [True, False])
def test_every_authentication_of_ipmi_1_5(visit: Visit, kind: AuthType, per_message: bool) -> None:
    bmc = a_bmc(auth15=(kind,), per_message_auth=per_message)
    peer, (status,) = visit(bmc, [STATUS], auth15=kind, accepts_forgeable_answers=True)
    assert status.power_is_on
    assert (peer.suite, peer.guid, peer.auth15) == (None, b"", kind)


@BOTH
def test_ipmi_1_5_that_proves_nothing_is_refused(visit: Visit) -> None:
    with pytest.raises(AuthTypeRefused):
        visit(a_bmc(auth15=(AuthType.MD5,), per_message_auth=False), [STATUS], auth15=AuthType.MD5)
    with pytest.raises(AuthTypeRefused):
        visit(a_bmc(auth15=(AuthType.MD2,)), [STATUS], auth15=AuthType.MD5)


@BOTH
@pytest.mark.parametrize(
    ("lowest", "got"), [(Privilege.USER, Privilege.OPERATOR), (Privilege.OPERATOR, Privilege.OPERATOR), (None, None)]
)
def test_down_to_the_lowest_privilege(visit: Visit, lowest: Privilege | None, got: Privilege | None) -> None:
    if got is None:
        with pytest.raises(PrivilegeTooHigh):
            visit(a_bmc(), [STATUS], user="operator", lowest_privilege=lowest)
    else:
        peer, _ = visit(a_bmc(), [STATUS], user="operator", lowest_privilege=lowest)
        assert peer.privilege == got


INTEL20 = Variation(pads_name=True, bare_role_3=True, checks_by_integrity=True)
QUIRKS: dict[Quirk, tuple[Faults, dict[str, Any]]] = {
    Quirk.NOCHECKSUMCHECK: (Faults(session=SessionFaults(wrong_checksums=True)), {}),
    Quirk.ICTS: (Faults(session=SessionFaults(pads_short=True)), {}),
    Quirk.INTEL20: (Faults(login=LoginFaults(variation=INTEL20)), {}),
    Quirk.ENDIANSEQ: (Faults(auth15=Auth15Faults(swaps_sequence=True)), {"auth15": AuthType.MD5}),
    Quirk.IDZERO: (Faults(auth15=Auth15Faults(zero_id=True)), {"auth15": AuthType.MD5}),
}


@BOTH
@pytest.mark.parametrize("quirk", QUIRKS)
def test_a_quirk_helps_where_it_is_named(visit: Visit, quirk: Quirk) -> None:
    faults, settings = QUIRKS[quirk]
    bmc = a_bmc(faults=faults, auth15=(AuthType.MD5,))
    assert visit(bmc, [STATUS], quirks=[quirk], **settings)[1][0].power_is_on


@BOTH
def test_the_quirk_that_would_help_is_told(visit: Visit) -> None:
    faults, _ = QUIRKS[Quirk.INTEL20]
    with pytest.raises(WrongPassword, match="intel20") as caught:
        visit(a_bmc(faults=faults), [STATUS])
    assert caught.value.quirk == Quirk.INTEL20


@BOTH
@pytest.mark.parametrize("settings", [{}, {"auth15": AuthType.MD5}, {"window": 8}], ids=str)
def test_controllers_behind_the_bmc(visit: Visit, settings: dict[str, Any]) -> None:
    behind = {(0, 0x2C): DEVICE_ID._replace(device_id=44), (7, 0x82): DEVICE_ID._replace(device_id=77)}
    bmc = a_bmc(satellites=behind, auth15=(AuthType.MD5,))
    commands = [
        get_device_id().through(Hop(0, 0x2C)),
        get_device_id(),
        get_device_id().through(Hop(7, 0x82)),
        get_device_id().through(Hop(0, 0x2C), Hop(7, 0x82)),
        STATUS,
    ]
    _, (near, itself, other, far, status) = visit(bmc, commands, **settings)
    assert (near.device_id, itself.device_id, other.device_id, far.device_id) == (44, DEVICE_ID.device_id, 77, 77)
    assert status.power_is_on


@BOTH
def test_nobody_behind_the_bmc(visit: Visit) -> None:
    with pytest.raises(CommandRefused) as caught:
        visit(a_bmc(), [get_device_id().through(Hop(0, 0x2C))])
    assert caught.value.code == 0x83


def test_bridged_and_other_commands_at_once() -> None:
    bmc = a_bmc(satellites={(0, 0x2C): DEVICE_ID._replace(device_id=44)})
    seen: list[int] = []

    async def story() -> None:
        async with connect(Network(bmc), window=8) as client, trio.open_nursery() as nursery:

            async def ask(command: Command[Any], expected: int) -> None:
                seen.append((await client.run(command)).device_id - expected)

            for _ in range(20):
                nursery.start_soon(ask, get_device_id().through(Hop(0, 0x2C)), 44)
                nursery.start_soon(ask, get_device_id(), DEVICE_ID.device_id)

    run_virtually(story)
    assert seen == [0] * 40
