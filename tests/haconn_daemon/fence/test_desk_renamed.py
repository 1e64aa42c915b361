"""The desk while a reload changes which BMC is whose."""

from __future__ import annotations

import pytest

from haconn_cli.resetpath.vocabulary import Action, ResultCode
from haconn_daemon.fence.desk import Admitted, Desk
from tests.fakes.lan import Lan
from tests.haconn_daemon.fence.bench import Bench, run
from tests.haconn_daemon.managed import HOST, NAME, a_board, the_way


@pytest.mark.parametrize("is_other_bmc", [False, True])
def test_a_server_that_is_renamed_during_its_reset(
    lan: Lan, monkeypatch: pytest.MonkeyPatch, is_other_bmc: bool
) -> None:
    """By a reload. Its BMC has one operation at a time, and nobody is given the proof of another BMC's power."""
    bench, other = Bench(lan), Bench(lan, board=a_board(guid=bytes([7]) * 16))
    lan.put(bench.board, HOST)
    lan.put(other.board, "192.0.2.53")
    other.way.address = bench.way.address.__class__("192.0.2.53")
    ways = {NAME: bench.way}
    bench.desk = Desk(ways, bench.record, frozenset, bench.teller)

    async def main(bench: Bench) -> None:
        async with bench.open():
            first = await bench.order(Action.OFF)
            assert isinstance(first, Admitted)
            ways.clear()
            ways.update({NAME: other.way} if is_other_bmc else {"RENAMED": the_way()})
            second = await bench.order(Action.OFF, target=NAME if is_other_bmc else "RENAMED")
            assert isinstance(second, Admitted)
            assert bench.teller.of(first.operation), "it waited for the end"
            assert not second.joined
            assert (await bench.result(second)).code is (ResultCode.OFF_CONFIRMED if is_other_bmc else ResultCode.ALREADY_OFF)
        assert len(bench.commands) == 1
        assert len(other.commands) == is_other_bmc

    run(bench, monkeypatch, main)
