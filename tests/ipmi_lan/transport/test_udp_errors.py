"""What the kernel may report on the client's sockets, and what is made of it."""

from __future__ import annotations

import errno
import struct
from typing import Any

import pytest
import trio

from ipmi_lan.client import open_client
from ipmi_lan.errors import NoAnswer
from ipmi_lan.transport.endpoint import open_endpoint
from tests.fakes.network import run_virtually
from tests.ipmi_lan.transport.loopback import BOTH, Open, connected, shared


class FailingSocket:
    """It reports of hosts that do not answer ARP, and then has a datagram. `in_queue` reports are in the error queue."""

    def __init__(self, *errors: int, in_queue: int = 0) -> None:
        self.errors, self.in_queue = list(errors), in_queue
        self.tries = 0

    def recvfrom(self, size: int) -> tuple[bytes, Any]:
        self.tries += 1
        if self.tries % 3 == 0:
            raise BlockingIOError
        if self.errors:
            raise OSError(self.errors.pop(0), "from the kernel")
        return b"datagram", ("192.0.2.1", 623)

    def recv(self, size: int) -> bytes:
        return self.recvfrom(size)[0]

    def recvmsg(self, *_: int) -> tuple[bytes, list[Any], int, Any]:
        if not self.in_queue:
            raise BlockingIOError
        self.in_queue -= 1
        report = struct.pack("=IBBBBII", errno.EHOSTUNREACH, 2, 3, 1, 0, 0, 0)
        return b"", [(0, 11, report)], 0, ("192.0.2.9", 623)

    def send(self, datagram: bytes) -> None:
        self.recvfrom(0)

    def sendto(self, datagram: bytes, to: Any) -> None:
        self.recvfrom(0)

    def close(self) -> None:
        pass


@pytest.fixture
def readable(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(sock: object) -> None:
        await trio.lowlevel.checkpoint()

    monkeypatch.setattr("trio.lowlevel.wait_readable", at_once)


def _with(port: Any, failing: FailingSocket) -> Any:
    port.close()
    port._socket = failing
    return port


@BOTH
@pytest.mark.usefixtures("readable")
def test_other_errors_of_the_kernel_are_lost_datagrams(opened: Open) -> None:
    async def main() -> None:
        failing = FailingSocket(errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EMSGSIZE)
        port = _with(opened(("127.0.0.1", 623)), failing)
        assert (await port.receive())[0][0] == b"datagram"
        assert trio.current_time() < 1.0
        for error in (errno.EHOSTUNREACH, errno.EPERM, errno.ENOBUFS, errno.ECONNREFUSED):
            _with(port, FailingSocket(error)).send(b"", ("127.0.0.1", 623))
            _with(port, FailingSocket(error, error)).send(b"", ("127.0.0.1", 623))

    run_virtually(main)


@BOTH
def test_an_error_left_by_an_earlier_datagram_does_not_cost_this_one(opened: Open) -> None:
    for error in (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH):
        failing = FailingSocket(error)
        _with(opened(("127.0.0.1", 623)), failing).send(b"", ("127.0.0.1", 623))
        assert failing.tries == 2


@pytest.mark.usefixtures("readable")
def test_reports_of_dead_hosts_do_not_hold_up_those_who_share_the_socket() -> None:
    async def main() -> None:
        port = _with(shared(("127.0.0.1", 623)), FailingSocket(*[errno.EHOSTUNREACH] * 10, in_queue=10_000))
        assert (await port.receive())[0][0] == b"datagram"
        assert trio.current_time() == 0.0

    run_virtually(main)


@pytest.mark.usefixtures("readable")
def test_an_error_that_stays_does_not_keep_the_processor_busy() -> None:
    async def main() -> None:
        for port in (shared(("127.0.0.1", 623)), connected(("127.0.0.1", 623))):
            failing = FailingSocket(*[errno.EHOSTUNREACH] * 10_000)
            with trio.move_on_after(10.0):
                await _with(port, failing).receive()
            assert failing.tries < 1000

    run_virtually(main)


@pytest.mark.usefixtures("readable")
def test_a_host_that_does_not_answer_arp_is_no_refused_port() -> None:
    async def main() -> None:
        port = _with(shared(("127.0.0.1", 623)), FailingSocket(*[errno.EHOSTUNREACH] * 10_000))
        with pytest.raises(NoAnswer):
            async with (
                open_endpoint(open_port=lambda family: port) as endpoint,
                open_client("192.0.2.1", "admin", "x", timeout=3.0, endpoint=endpoint),
            ):
                pass
        assert trio.current_time() == 3.0

    run_virtually(main)
