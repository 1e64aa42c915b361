"""However a client ends, the session is closed, and nobody waits for ever. On the virtual clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio

from ipmi_lan.account import COMMAND_TIMEOUT
from ipmi_lan.client import Client
from ipmi_lan.commands.device import get_device_id
from ipmi_lan.errors import (
    CommandRefused,
    NoFreeSession,
    SessionLost,
)
from ipmi_lan.session.retry import CLOSE_TIMEOUT
from ipmi_lan.simulator import Faults, SimulatedBmc
from ipmi_lan.wire.codes import Privilege
from tests.fakes.bmc import Mute
from tests.fakes.network import LATENCY, AnyBmc, Flight, Network, run_virtually
from tests.ipmi_lan.connecting import LOGIN_TIMEOUT, OFF, ROUND_TRIP, connect
from tests.ipmi_lan.simulator.console import a_bmc

# ── the end, whatever it is ───────────────────────────────────────────────────

ENDS = ["normally", "with an exception", "cancelled"]


class Mistake(Exception):  # noqa: N818
    """Of the caller's."""


async def _end(how: str) -> None:
    if how == "with an exception":
        raise Mistake
    if how == "cancelled":
        await trio.sleep_forever()


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("answers_close", [True, False])
def test_the_session_is_closed(how: str, answers_close: bool) -> None:
    bmc = a_bmc()
    network = Network(bmc)
    wire = network.port()
    deaf: list[Flight] = []

    def tap(flight: Flight) -> list[Flight]:
        if deaf or flight.to_bmc or answers_close:
            return [flight]
        return [flight] if bmc.open_sessions(trio.current_time()) or not bmc.handshakes else []

    network.tap = tap

    async def story() -> None:
        start = 0.0
        try:
            with trio.move_on_after(1.0 if how == "cancelled" else 9.0) as scope:
                async with connect(network, wire) as client:
                    await client.run(get_device_id())
                    start = trio.current_time()
                    await _end(how)
        except Mistake:
            assert how == "with an exception"
        assert scope.cancelled_caught == (how == "cancelled")
        network.settle()
        assert bmc.open_sessions(trio.current_time()) == 0
        taken = trio.current_time() - (1.0 if how == "cancelled" else start)
        assert taken == pytest.approx(ROUND_TRIP if answers_close else CLOSE_TIMEOUT)

    run_virtually(story)
    assert wire.is_closed
    assert bmc.handshakes == 1


@pytest.mark.parametrize("how", ENDS)
def test_a_bmc_that_is_gone_does_not_hold_up_the_end(how: str) -> None:
    bmc = Mute(a_bmc())

    async def story() -> None:
        try:
            with trio.move_on_after(3.0):
                async with connect(Network(bmc)):
                    await trio.sleep(2.0)
                    bmc.from_now = True
                    await _end(how)
        except Mistake:
            pass
        expected = 3.0 if how == "cancelled" else 2.0
        assert trio.current_time() == pytest.approx(expected + CLOSE_TIMEOUT, abs=0.01)

    run_virtually(story)


def test_an_exception_of_the_caller_arrives_as_it_is() -> None:
    mistake = Mistake("as it is")

    async def story() -> None:
        with pytest.raises(Mistake) as caught:
            async with connect(Network(a_bmc())):
                raise mistake
        assert caught.value is mistake

    run_virtually(story)


def test_an_exception_is_not_lost_where_the_time_runs_out_while_closing() -> None:
    bmc = Mute(a_bmc())

    async def story() -> None:
        with pytest.raises(Mistake), trio.fail_after(1.0):
            await be_mistaken()
        assert trio.current_time() == pytest.approx(0.5 + CLOSE_TIMEOUT, abs=0.01)

    async def be_mistaken() -> None:
        async with connect(Network(bmc)):
            bmc.from_now = True
            await trio.sleep(0.5)
            raise Mistake

    run_virtually(story)


def test_an_exception_is_not_lost_in_a_cancellation() -> None:
    async def story() -> None:
        with pytest.raises(Mistake), trio.move_on_after(1.0):
            await be_mistaken()

    async def be_mistaken() -> None:
        async with connect(Network(a_bmc())):
            try:
                await trio.sleep_forever()
            finally:
                raise Mistake

    run_virtually(story)


def test_an_error_of_a_command_arrives_as_it_is() -> None:
    async def story() -> None:
        with pytest.raises(CommandRefused):
            async with connect(Network(a_bmc()), user="user", privilege=Privilege.USER) as client:
                await client.run(OFF)

    run_virtually(story)


def test_close_is_ignored_and_the_slot_comes_free_after_a_minute() -> None:
    bmc = a_bmc(slots=1, faults=Faults(close_is_ignored=True))

    async def story() -> None:
        async with connect(Network(bmc)):
            pass
        with pytest.raises(NoFreeSession):
            async with connect(Network(bmc)):
                pass
        assert trio.current_time() == pytest.approx(LOGIN_TIMEOUT, abs=0.1)
        async with connect(Network(bmc), timeout=90.0):
            assert 60.0 < trio.current_time() < 75.0

    run_virtually(story)


def test_cancelled_while_logging_in() -> None:
    for moment in (0.0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5):
        bmc = a_bmc()
        network = Network(bmc)

        async def story(bmc: SimulatedBmc = bmc, network: Network = network, moment: float = moment) -> None:
            with trio.move_on_after(moment * LATENCY):
                async with connect(network):
                    pytest.fail("logged in")
            assert trio.current_time() <= moment * LATENCY + CLOSE_TIMEOUT
            await trio.sleep(2 * LATENCY)
            network.settle()

        run_virtually(story)
        if moment > 2:      # before that we do not know which session to give back
            assert bmc.half_open_sessions(0.2) == 0, "RAKP 3 with an error status gives the slot back"
        if moment > 6:
            assert bmc.open_sessions(1.0) == 0


def _while_open(story: Callable[[Client, Network, trio.Nursery], Awaitable[None]], bmc: AnyBmc) -> None:
    async def main() -> None:
        network = Network(bmc)
        async with trio.open_nursery() as nursery, connect(network) as client:
            await story(client, network, nursery)

    run_virtually(main)


def test_a_command_that_still_waits_when_the_client_closes_is_told() -> None:
    bmc = Mute(a_bmc())
    told: list[float] = []

    async def ask(client: Client) -> None:
        with pytest.raises(SessionLost):
            await client.run(get_device_id(), timeout=50.0)
        told.append(trio.current_time())

    async def story(client: Client, network: Network, nursery: trio.Nursery) -> None:
        bmc.from_now = True
        nursery.start_soon(ask, client)
        await trio.sleep(0.1)

    _while_open(story, bmc)
    assert told == [pytest.approx(0.1 + 4 * ROUND_TRIP)], "at once, whatever Close Session still takes"


def test_a_command_after_the_end_is_refused_at_once() -> None:
    async def story() -> None:
        async with connect(Network(a_bmc())) as client:
            pass
        start = trio.current_time()
        with trio.fail_after(COMMAND_TIMEOUT), pytest.raises(SessionLost):
            await client.run(get_device_id())
        assert trio.current_time() == start

    run_virtually(story)
