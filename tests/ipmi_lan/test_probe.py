from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio

from ipmi_lan import probe as shell
from ipmi_lan.errors import BadArgument, NoAnswer
from ipmi_lan.probe import probe_bmc
from ipmi_lan.session.probing import PATIENCE, Offer
from ipmi_lan.simulator import SimulatedBmc, serve_bmc
from tests.ipmi_lan.simulator.console import a_bmc

LIMIT = 10.0   # seconds of real time


def beside(bmc: SimulatedBmc, story: Callable[[int], Awaitable[Offer]]) -> Offer:
    """Run `story` with the port that `bmc` answers on."""

    async def main() -> Offer:
        with trio.fail_after(LIMIT):
            async with trio.open_nursery() as nursery:
                _, port = await nursery.start(serve_bmc, bmc)
                offer = await story(port)
                nursery.cancel_scope.cancel()
                return offer
        raise AssertionError

    return trio.run(main)


def test_what_a_bmc_offers_arrives_over_a_real_socket() -> None:
    offer = beside(a_bmc(), lambda port: probe_bmc("127.0.0.1", port))
    assert (offer.pong, offer.answers_1_5_framing, offer.answers_rmcp_plus_framing) == (True, True, True)
    assert offer.suites == (17, 3)
    assert offer.capabilities is not None


def test_silence_is_an_empty_offer_in_time() -> None:
    async def timed(port: int) -> Offer:
        began = trio.current_time()
        offer = await probe_bmc("127.0.0.1", port, timeout=0.1)
        assert 0.1 <= trio.current_time() - began < 0.5
        return offer

    bmc = a_bmc()
    bmc.faults.silent = True
    assert beside(bmc, timed) == Offer()


def test_a_port_that_refuses_is_an_empty_offer_after_the_second_try() -> None:
    async def timed() -> Offer:
        with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as taken:
            await taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        began = trio.current_time()
        offer = await probe_bmc("127.0.0.1", port)
        assert PATIENCE <= trio.current_time() - began < 2 * PATIENCE
        return offer

    assert trio.run(timed) == Offer()


@pytest.mark.parametrize("host", ["", "a" * 70 + ".example", "..", "\0"])
def test_a_host_that_cannot_be_is_refused(host: str) -> None:
    with pytest.raises(BadArgument, match="neither an address nor a name"):
        trio.run(probe_bmc, host)


@pytest.mark.parametrize("port", [-1, 0, 65536])
def test_a_port_that_there_is_not_is_refused(port: int) -> None:
    with pytest.raises(BadArgument, match="port"):
        trio.run(probe_bmc, "127.0.0.1", port)


@pytest.mark.parametrize(("error", "raised"), [(OSError("no route"), NoAnswer), (UnicodeError("bad label"), BadArgument)])
def test_a_look_up_that_fails_is_told(monkeypatch: pytest.MonkeyPatch, error: Exception, raised: type[Exception]) -> None:
    async def look_up(host: str, port: int) -> None:
        await trio.lowlevel.checkpoint()
        raise error

    monkeypatch.setattr(shell, "look_up", look_up)
    with pytest.raises(raised, match=r"bmc\.example"):
        trio.run(probe_bmc, "bmc.example")


def test_a_look_up_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look_up(host: str, port: int) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(shell, "look_up", look_up)
    with pytest.raises(NoAnswer, match=r"looking up bmc\.example"):
        trio.run(lambda: probe_bmc("bmc.example", timeout=0.02))
