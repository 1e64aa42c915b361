"""The client on the virtual clock, over a network in memory, against the simulated BMC."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import trio

from ipmi_lan.client import Client
from ipmi_lan.commands.chassis import Control, chassis_control, get_chassis_status
from ipmi_lan.commands.device import get_device_id, get_system_guid
from ipmi_lan.commands.login import get_session_info
from ipmi_lan.crypto.suites import SUITE_3, SUITE_17
from ipmi_lan.errors import (
    BadArgument,
    IpmiError,
    LoginRefused,
    NoAnswer,
    NoFreeSession,
    NotIpmi,
    PortRefused,
    PrivilegeTooHigh,
    SessionLost,
    SuiteRefused,
    Unreachable,
    WrongKg,
    WrongPassword,
)
from ipmi_lan.simulator import Faults
from ipmi_lan.wire.codes import CompletionCode, Privilege
from tests.fakes.bmc import RefusingBmc, WebServer, open_session_of
from tests.fakes.network import Network, Weather, run_virtually
from tests.ipmi_lan.connecting import LOGIN_TIMEOUT, OFF, ROUND_TRIP, connect
from tests.ipmi_lan.simulator.console import GUID, a_bmc

# ── the ordinary way ──────────────────────────────────────────────────────────


def test_log_in_ask_and_close() -> None:
    bmc = a_bmc()
    network = Network(bmc)

    async def story() -> None:
        async with connect(network) as client:
            assert (client.peer.guid, client.peer.suite, client.peer.session_id) == (GUID, SUITE_17, open_session_of(bmc).bmc_id)
            assert (await client.run(get_chassis_status())).power_is_on
            await client.run(OFF)
            assert not (await client.run(get_chassis_status())).power_is_on
            assert client.dropped == {}
        assert bmc.open_sessions(trio.current_time()) == 0
        assert trio.current_time() == pytest.approx(8 * ROUND_TRIP)

    run_virtually(story)
    assert len(bmc.power_commands) == 1
    assert bmc.counters == {}


@pytest.mark.parametrize(
    ("user", "privilege"), [("admin", Privilege.ADMINISTRATOR), ("admin", Privilege.USER), ("user", Privilege.USER)]
)
def test_the_session_has_the_privilege_asked_for(user: str, privilege: Privilege) -> None:
    bmc = a_bmc()

    async def story() -> None:
        async with connect(Network(bmc), user=user, privilege=privilege):
            assert open_session_of(bmc, trio.current_time()).privilege == privilege

    run_virtually(story)


def test_text_is_sent_as_utf_8_and_bytes_as_they_are() -> None:
    bmc = a_bmc(users={"wärter": ("schlüssel", Privilege.ADMINISTRATOR)}, kg="größe".encode())

    async def story() -> None:
        async with connect(Network(bmc), user="wärter", password="schlüssel", kg="größe"):
            pass
        async with connect(Network(bmc), user="wärter".encode(), password="schlüssel".encode(), kg="größe".encode()):
            pass

    run_virtually(story)
    assert bmc.handshakes == 2


def test_many_tasks_get_their_own_answers() -> None:
    network = Network(a_bmc(), Weather(duplication=0.2, delay=0.3, longest_delay=0.4), seed=5)
    commands: list[Any] = [get_device_id(), get_system_guid(), get_chassis_status()]

    async def story() -> None:
        async with connect(network) as client, trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(ask, client, number)

    async def ask(client: Client, number: int) -> None:
        for turn in range(30):
            command = commands[(number + turn) % 3]
            assert type(await client.run(command)) is command.reply.kind

    run_virtually(story)


def test_a_cancelled_command_leaves_the_others_alone() -> None:
    network = Network(a_bmc(), Weather(delay=1.0, longest_delay=0.5), seed=2)

    async def story() -> None:
        async with connect(network) as client:
            for _ in range(20):
                with trio.move_on_after(0.2):
                    await client.run(get_device_id())
                assert (await client.run(get_system_guid())).guid == GUID

    run_virtually(story)


# ── typed errors, and when they come ──────────────────────────────────────────

_SILENT = {"faults": Faults(silent=True)}
LOGINS: dict[str, tuple[dict[str, Any], dict[str, Any], type[IpmiError], float]] = {
    "silence": (_SILENT, {}, NoAnswer, LOGIN_TIMEOUT),
    "silence, other timeout": (_SILENT, {"timeout": 3.25}, NoAnswer, 3.25),
    "silence, no time": (_SILENT, {"timeout": 0.0}, NoAnswer, 0.0),
    "password": ({}, {"password": "wrong"}, WrongPassword, 2 * ROUND_TRIP),
    "user": ({}, {"user": "nobody"}, WrongPassword, 2 * ROUND_TRIP),
    "Kg": ({"kg": b"a"}, {"kg": b"b"}, WrongKg, 3 * ROUND_TRIP),
    "Kg needed": ({"kg": b"a"}, {}, WrongKg, 3 * ROUND_TRIP),
    "privilege": ({}, {"user": "operator"}, PrivilegeTooHigh, 2 * ROUND_TRIP),
    "suite": ({"suites": (SUITE_3,)}, {"suites": [SUITE_17]}, SuiteRefused, ROUND_TRIP),
    "slots": ({"slots": 0}, {}, NoFreeSession, LOGIN_TIMEOUT),
}


@pytest.mark.parametrize(("bmc", "login", "kind", "at"), LOGINS.values(), ids=LOGINS)
def test_logins_that_fail(bmc: dict[str, Any], login: dict[str, Any], kind: type[IpmiError], at: float) -> None:
    network = Network(a_bmc(**bmc))

    async def story() -> None:
        with pytest.raises(kind) as caught:
            async with connect(network, **login):
                pytest.fail("logged in")
        assert isinstance(caught.value, Unreachable if kind is NoAnswer else LoginRefused)
        assert trio.current_time() == pytest.approx(at)
        assert trio.current_time() <= login.get("timeout", LOGIN_TIMEOUT)

    run_virtually(story)


def test_a_refused_port() -> None:
    network = Network(a_bmc())
    network.refuses = True

    async def story() -> None:
        with pytest.raises(PortRefused):
            async with connect(network):
                pass
        assert trio.current_time() == pytest.approx(0.6, abs=0.01)

    run_virtually(story)


def test_a_port_that_is_refused_for_a_moment() -> None:
    network = Network(a_bmc())
    network.refuses = True

    async def story() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_again)
            async with connect(network):
                assert trio.current_time() < 1.0

    async def serve_again() -> None:
        await trio.sleep(0.5)
        network.refuses = False

    run_virtually(story)


def test_not_ipmi() -> None:
    async def story() -> None:
        with pytest.raises(NotIpmi) as caught:
            async with connect(Network(WebServer())):
                pass
        assert caught.value.first.startswith(b"HTTP")
        assert trio.current_time() == LOGIN_TIMEOUT

    run_virtually(story)


def test_a_slot_that_comes_free_in_time() -> None:
    bmc = a_bmc(slots=1)

    async def story() -> None:
        async with trio.open_nursery() as nursery, connect(Network(bmc)):
            nursery.start_soon(second)
            await trio.sleep(5.0)

    async def second() -> None:
        async with connect(Network(bmc), timeout=20.0) as client:
            assert 5.0 < trio.current_time() < 20.0
            assert (await client.run(get_session_info())).active == 1

    run_virtually(story)
    assert bmc.handshakes == 2


WRONG = [{"port": 0}, {"port": 70000}, {"user": "n" * 17}, {"password": "p" * 21}, {"kg": "k" * 21}, {"suites": ()}]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: next(iter(wrong)))
def test_bad_arguments_send_nothing(wrong: dict[str, Any]) -> None:
    network = Network(a_bmc())

    async def story() -> None:
        with pytest.raises(BadArgument):
            async with connect(network, **wrong):
                pass

    run_virtually(story)
    assert network.sent == []


@pytest.mark.parametrize("code", [0x80, 0x81, CompletionCode.INSUFFICIENT_PRIVILEGE])
def test_a_privilege_refused_after_the_login(code: int) -> None:
    bmc = a_bmc()

    async def story() -> None:
        with pytest.raises(PrivilegeTooHigh):
            async with connect(Network(RefusingBmc(bmc, 0x3B, code))):
                pass

    run_virtually(story)
    assert bmc.handshakes == 1
    assert bmc.open_sessions(0.1) == 0


# ── a network that is not nice ────────────────────────────────────────────────


def test_forged_datagrams_do_not_disturb() -> None:
    network = Network(a_bmc())
    wire = network.port()

    async def story() -> None:
        async with connect(network, wire) as client:
            for _ in range(10):
                for junk in (b"", b"\x06\0\xff\x07", bytes(3000), b"\x06\0\xff\x07\x06\xc0" + bytes(60)):
                    wire.inject(junk)
                await client.run(get_chassis_status())
            assert sum(client.dropped.values()) == 40

    run_virtually(story)


def test_a_network_that_doubles_everything() -> None:
    bmc = a_bmc(slots=50)

    async def story() -> None:
        async with connect(Network(bmc, Weather(duplication=1.0))) as client:
            await client.run(get_chassis_status())

    run_virtually(story)
    assert bmc.handshakes >= 1


@pytest.mark.parametrize("seed", range(25))
def test_bad_weather(seed: int) -> None:
    """Every command ends in time with its own answer or a typed error, and no order to switch power is obeyed twice."""
    bmc = a_bmc(slots=50)
    network = Network(bmc, Weather(loss=0.2, duplication=0.1, delay=0.25, longest_delay=1.0, corruption=0.01), seed)
    orders, answered = [0], [0]

    async def story() -> None:
        while orders[0] < 20:
            with suppress(SessionLost, LoginRefused):    # in the login, one flipped bit may look like a refusal
                async with connect(network, timeout=60.0, logs_in_again=seed % 2 == 0) as client:
                    await talk(client)

    async def talk(client: Client) -> None:
        while orders[0] < 20:
            start = trio.current_time()
            with suppress(NoAnswer):
                answered[0] += (await client.run(get_system_guid(), 8.0)).guid == GUID
            assert trio.current_time() <= start + 8.0
            orders[0] += 1
            with suppress(NoAnswer):
                await client.run(chassis_control(Control.POWER_ON), 2.0)

    run_virtually(story)
    assert len(bmc.power_commands) <= 20
    assert answered[0] >= 15
