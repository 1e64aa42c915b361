"""Every wait of the client ends in time, and a session is held as long as it is wanted. On the virtual clock."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from ipmi_lan.account import COMMAND_TIMEOUT
from ipmi_lan.client import open_client
from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.commands.device import get_device_id, get_system_guid
from ipmi_lan.errors import NoAnswer, SessionLost
from ipmi_lan.session.retry import CLOSE_TIMEOUT, COMMAND_WAITS
from ipmi_lan.simulator import Faults
from ipmi_lan.wire.codes import CompletionCode
from tests.fakes.bmc import Mute, RefusingBmc, is_sealed
from tests.fakes.network import Network, Weather, run_virtually
from tests.ipmi_lan.connecting import OFF, connect
from tests.ipmi_lan.simulator.console import a_bmc

UNTIL_LOST = sum(COMMAND_WAITS)

# ── every wait has an end ─────────────────────────────────────────────────────


@pytest.mark.parametrize("timeout", [0.5, 4.0, 10.0])
def test_silence_after_the_login_ends_within_the_time_for_the_login(timeout: float) -> None:
    """Then the session is asked to close, which has a time of its own."""
    bmc = Mute(a_bmc())
    bmc.drops = is_sealed

    async def story() -> None:
        with pytest.raises((NoAnswer, SessionLost)):
            async with connect(Network(bmc), timeout=timeout):
                pytest.fail("logged in")
        assert trio.current_time() <= timeout + CLOSE_TIMEOUT + 0.01

    run_virtually(story)


@pytest.mark.parametrize("timeout", [0.1, 1.0, 3.0, COMMAND_TIMEOUT, 30.0])
@pytest.mark.parametrize("command", [get_device_id(), OFF], ids=["device id", "off"])
@pytest.mark.parametrize("logs_in_again", [False, True])
def test_a_command_ends_in_time(command: Any, timeout: float, logs_in_again: bool) -> None:
    bmc = Mute(a_bmc())

    async def story() -> None:
        async with connect(Network(bmc), logs_in_again=logs_in_again) as client:
            bmc.from_now = True
            start = trio.current_time()
            with pytest.raises((NoAnswer, SessionLost)) as caught:
                await client.run(command, timeout)
            assert trio.current_time() <= start + timeout
            if isinstance(caught.value, NoAnswer):
                assert caught.value.was_sent
                assert trio.current_time() == start + timeout
            elif logs_in_again:
                assert trio.current_time() == start + timeout    # it tried to come back for as long as there was time
                assert "logging in again" in str(caught.value)
            else:
                assert trio.current_time() == pytest.approx(start + UNTIL_LOST)
                with pytest.raises(SessionLost):
                    await client.run(command)
                assert trio.current_time() == pytest.approx(start + UNTIL_LOST)
            expects_loss = command is not OFF and timeout > UNTIL_LOST
            assert isinstance(caught.value, SessionLost) == expects_loss
        assert trio.current_time() <= start + timeout + CLOSE_TIMEOUT + 0.01

    run_virtually(story)


def test_what_switches_power_leaves_once_whatever_is_lost() -> None:
    for answer_is_lost in (True, False):
        bmc = a_bmc(faults=Faults(loses_control_reply=True)) if answer_is_lost else a_bmc()
        mute = Mute(bmc)
        network = Network(mute)

        async def story(mute: Mute = mute, network: Network = network, drop: bool = not answer_is_lost) -> None:
            async with connect(network) as client:
                before = len(network.sent)
                mute.from_now = drop
                with pytest.raises(NoAnswer):
                    await client.run(OFF)
                mute.from_now = False
                assert len(network.sent) == before + 1
                assert (await client.run(get_chassis_status())).power_is_on == drop

        run_virtually(story)
        assert len(bmc.power_commands) == answer_is_lost


def test_a_bmc_that_restarts_in_a_session() -> None:
    bmc = a_bmc()

    async def story() -> None:
        async with connect(Network(bmc), logs_in_again=False) as client:
            await client.run(get_device_id())
            bmc.restart(trio.current_time(), silence=2.0)
            await trio.sleep(1.0)
            start = trio.current_time()
            with pytest.raises(SessionLost):
                await client.run(get_device_id())
            assert trio.current_time() == pytest.approx(start + UNTIL_LOST)
        assert trio.current_time() == pytest.approx(start + UNTIL_LOST)   # there is nothing to close
        async with connect(Network(bmc)) as client:
            await client.run(get_device_id())

    run_virtually(story)


def test_a_host_that_refuses_in_a_session() -> None:
    network = Network(a_bmc())

    async def story() -> None:
        async with connect(network) as client:
            network.refuses = True
            start = trio.current_time()
            with pytest.raises(SessionLost):
                await client.run(get_device_id())
            assert trio.current_time() <= start + COMMAND_TIMEOUT

    run_virtually(story)


def test_a_name_that_is_never_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    async def forever(host: str, port: int) -> Any:
        await trio.sleep_forever()

    monkeypatch.setattr("ipmi_lan.client.look_up", forever)

    async def story() -> None:
        with pytest.raises(NoAnswer):
            async with open_client("bmc.example", "admin", "x", timeout=4.0):
                pass
        assert trio.current_time() == 4.0

    run_virtually(story)


# ── keeping a session ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("loss", [0.0, 0.2])
def test_a_session_is_held_over_ten_minutes(loss: float) -> None:
    bmc = a_bmc()
    network = Network(bmc, Weather(loss=loss), seed=4)

    async def story() -> None:
        async with connect(network) as client:
            await trio.sleep(600.0)
            assert bmc.open_sessions(trio.current_time()) == 1
            await client.run(get_chassis_status())
            assert bmc.handshakes <= 2

    run_virtually(story)
    assert len(network.sent) < 60


@pytest.mark.parametrize(
    "code", [CompletionCode.NODE_BUSY, CompletionCode.FIRMWARE_UPDATING, CompletionCode.INSUFFICIENT_PRIVILEGE]
)
def test_a_refused_keep_alive_is_no_reason_to_stop(code: int) -> None:
    bmc = a_bmc()
    rewritten = RefusingBmc(bmc, 0x01, code)

    async def story() -> None:
        async with connect(Network(rewritten)) as client:
            await trio.sleep(300.0)
            assert bmc.open_sessions(trio.current_time()) == 1
            assert rewritten.asked >= 9   # one that was too busy is asked again at once
            await client.run(get_system_guid())

    run_virtually(story)


def test_a_busy_session_needs_no_keep_alive() -> None:
    network = Network(a_bmc())

    async def story() -> None:
        async with connect(network) as client:
            before = len(network.sent)
            for _ in range(20):
                await trio.sleep(20.0)
                await client.run(get_chassis_status())
            assert len(network.sent) == before + 20

    run_virtually(story)


def test_keep_alive_ends_with_the_session() -> None:
    bmc = Mute(a_bmc())
    network = Network(bmc)

    async def story() -> None:
        async with connect(network) as client:
            bmc.from_now = True
            await trio.sleep(600.0)
            count = len(network.sent)
            assert count == 4 + 4
            with pytest.raises(SessionLost):
                await client.run(get_device_id())

    run_virtually(story)
