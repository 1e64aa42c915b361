"""The blocking client on a network that is not nice: floods, errors of the kernel, losses."""

from __future__ import annotations

import errno

import pytest

from ipmi_lan.commands.device import get_device_id, get_system_guid
from ipmi_lan.errors import (
    NoAnswer,
    NotIpmi,
    SessionLost,
)
from ipmi_lan.session.retry import CLOSE_TIMEOUT
from tests.fakes.bmc import Mute
from tests.ipmi_lan.bench import UNTIL_LOST, Bench
from tests.ipmi_lan.simulator.console import GUID

JUNK = {"empty": b"", "RMCP header": b"\x06\0\xff\x07", "long": bytes(3000), "no session": b"\x06\0\xff\x07\x06\xc0" + bytes(60)}


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK)
def test_who_is_flooded_keeps_his_deadlines(bench: Bench, junk: bytes) -> None:
    """In the login, in a command, and in closing."""
    mute = bench.bmc = Mute(bench.bmc)
    bench.sock.floods = junk
    with bench.connect() as client:
        assert client.run(get_system_guid()).guid == GUID
        mute.from_now = True
        end = bench.takes(1.0)
        with pytest.raises(NoAnswer):
            client.run(get_device_id(), 1.0)
        assert bench.clock.now == end
        end = bench.takes(CLOSE_TIMEOUT)
    assert bench.clock.now == end
    bench.sock.is_closed = False
    end = bench.takes(0.5)
    with pytest.raises((NoAnswer, NotIpmi)), bench.connect(timeout=0.5):
        pytest.fail("logged in")
    assert bench.clock.now == end


@pytest.mark.parametrize("number", [errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.ECONNREFUSED])
def test_errors_of_the_kernel_are_lost_datagrams(bench: Bench, number: int) -> None:
    with bench.connect() as client:
        for _ in range(2):
            bench.sock.errors.append(OSError(number, "from the kernel"))
            assert client.run(get_system_guid()).guid == GUID
        before = len(bench.sock.sent)
        bench.sock.send_errors.append(OSError(number, "of an earlier datagram"))
        assert client.run(get_system_guid()).guid == GUID
        assert len(bench.sock.sent) == before + 1


def test_an_error_that_stays_does_not_keep_the_processor_busy(bench: Bench) -> None:
    with bench.connect() as client:
        bench.sock.errors.extend([OSError(errno.ENETDOWN, "no network")] * 1000)
        with pytest.raises(NoAnswer):
            client.run(get_device_id(), 3.0)
        assert len(bench.sock.errors) > 900
        bench.sock.errors.clear()


def test_a_host_that_refuses_within_a_session(bench: Bench) -> None:
    with bench.connect(logs_in_again=False) as client:
        bench.sock.refuses = True
        end = bench.clock.now + UNTIL_LOST
        with pytest.raises(SessionLost, match="refuses"):
            client.run(get_device_id())
        assert bench.clock.now <= end
        bench.sock.refuses = False
        bench.bmc.restart(bench.clock.now)


@pytest.mark.parametrize("lost", range(1, 14))
def test_each_datagram_lost_once(bench: Bench, lost: int) -> None:
    mute = bench.bmc = Mute(bench.bmc)
    left = [lost]

    def drops(datagram: bytes) -> bool:
        left[0] -= 1
        return left[0] == 0

    mute.drops = drops
    with bench.connect() as client:
        for _ in range(5):
            assert client.run(get_system_guid()).guid == GUID
    assert mute.bmc.open_sessions(bench.clock.now) == 0 or lost == 5
