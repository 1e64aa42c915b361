"""Which socket, which receiver, and when: the endpoint over sockets in memory, on the virtual clock."""

from __future__ import annotations

import socket

import pytest
import trio

from ipmi_lan.errors import BadArgument
from ipmi_lan.transport.endpoint import SESSIONS_ON_A_SOCKET, Line, open_endpoint
from ipmi_lan.transport.udp import Address
from tests.fakes.network import run_virtually
from tests.ipmi_lan.transport.mailbox import Mailboxes, Recorder

V4, V6 = socket.AF_INET, socket.AF_INET6


def host(number: int, port: int = 623) -> Address:
    return f"10.0.{number // 256}.{number % 256}", port


# ── sockets ───────────────────────────────────────────────────────────────────


def test_a_socket_takes_128_sessions_and_then_there_is_another() -> None:
    boxes = Mailboxes()

    async def story() -> None:
        async with open_endpoint(open_port=boxes.open) as endpoint:
            for number in range(SESSIONS_ON_A_SOCKET):
                endpoint.attach(V4, host(number), Recorder())
            assert len(boxes.all) == 1
            last = endpoint.attach(V4, host(128), Recorder())
            assert len(boxes.all) == 2
            for number in range(129, 2 * SESSIONS_ON_A_SOCKET):
                endpoint.attach(V4, host(number), Recorder())
            assert len(boxes.all) == 2
            last.send(b"by the second")
            assert [box.sent for box in boxes.all] == [[], [(b"by the second", host(128))]]

    run_virtually(story)
    assert SESSIONS_ON_A_SOCKET == 128
    assert boxes.opened == []


def test_two_sessions_with_the_same_bmc_never_share_a_socket() -> None:
    boxes = Mailboxes()

    async def story() -> None:
        async with open_endpoint(open_port=boxes.open) as endpoint:
            receivers = [Recorder() for _ in range(3)]
            for receiver in receivers:
                endpoint.attach(V4, host(1), receiver)
            endpoint.attach(V4, host(1, 624), Recorder())      # another port is another BMC
            assert len(boxes.all) == 3
            await trio.testing.wait_all_tasks_blocked()
            boxes.all[1].deliver(b"for the second", host(1))
            await trio.testing.wait_all_tasks_blocked()
            assert [receiver.heard for receiver in receivers] == [[], [b"for the second"], []]

    run_virtually(story)


def test_families_have_sockets_of_their_own() -> None:
    boxes = Mailboxes()

    async def story() -> None:
        async with open_endpoint(open_port=boxes.open) as endpoint:
            endpoint.attach(V6, ("::1", 623, 0, 0), Recorder())
            endpoint.attach(V4, host(1), Recorder())
            endpoint.attach(V6, ("::2", 623, 0, 0), Recorder())
            assert [box.family for box in boxes.all] == [V6, V4]

    run_virtually(story)


def test_a_place_that_is_given_back_is_taken_again() -> None:
    boxes = Mailboxes()

    async def story() -> None:
        async with open_endpoint(2, boxes.open) as endpoint:
            first, _ = (endpoint.attach(V4, host(number), Recorder()) for number in (1, 2))
            first.close()
            endpoint.attach(V4, host(3), Recorder())
            assert len(boxes.all) == 1
            first.close()       # a second time: nothing
            endpoint.attach(V4, host(4), Recorder())
            assert len(boxes.all) == 2

    run_virtually(story)


def test_of_the_sockets_without_sessions_one_is_kept() -> None:
    boxes = Mailboxes()

    async def story() -> None:
        async with open_endpoint(open_port=boxes.open) as endpoint:
            lines = [endpoint.attach(V4, host(1), Recorder()) for _ in range(50)]
            await trio.testing.wait_all_tasks_blocked()
            assert len(boxes.opened) == 50
            for line in lines[1:]:
                line.close()
            await trio.testing.wait_all_tasks_blocked()
            assert len(boxes.opened) == 2, "the first, and one spare"
            endpoint.attach(V4, host(1), Recorder()).close()    # before its task has begun
            await trio.testing.wait_all_tasks_blocked()
            assert len(boxes.opened) == 2
            lines[0].close()
            await trio.testing.wait_all_tasks_blocked()
            assert len(boxes.opened) == 1

    run_virtually(story)
    assert boxes.opened == []


def test_a_socket_of_its_own_is_never_handed_on() -> None:
    """It is connected to its BMC: another session's datagrams would go there."""
    boxes = Mailboxes()

    async def story() -> None:
        async with open_endpoint(1, boxes.open) as endpoint:
            for number in range(1, 4):
                line = endpoint.attach(V4, host(number), Recorder())
                line.send(b"hello")
                line.close()
            assert [box.sent for box in boxes.all] == [[(b"hello", host(number))] for number in range(1, 4)]

    run_virtually(story)


def test_a_socket_that_cannot_be_opened() -> None:
    def fail(family: int) -> None:
        raise OSError("too many open files")

    async def story() -> None:
        async with open_endpoint(open_port=fail) as endpoint:  # type: ignore[arg-type]
            with pytest.raises(OSError, match="too many"):
                endpoint.attach(V4, host(1), Recorder())

    run_virtually(story)


def test_after_the_end() -> None:
    boxes = Mailboxes()
    receiver = Recorder()

    async def story() -> None:
        async with open_endpoint(open_port=boxes.open) as endpoint:
            line = endpoint.attach(V4, host(1), receiver)
            line.wake_at(5.0)
        assert receiver.is_lost
        assert boxes.opened == []
        line.wake_at(2.0)
        line.close()
        with pytest.raises(BadArgument):
            endpoint.attach(V4, host(1), receiver)
        await trio.sleep(10.0)
        assert receiver.woken == []

    run_virtually(story)


# ── datagrams ─────────────────────────────────────────────────────────────────


def test_everyone_hears_what_comes_from_his_own_address_and_nobody_hears_strangers() -> None:
    boxes = Mailboxes()
    receivers = [Recorder() for _ in range(3)]

    async def story() -> None:
        async with open_endpoint(open_port=boxes.open) as endpoint:
            lines = [endpoint.attach(V4, host(number), receiver) for number, receiver in enumerate(receivers)]
            (box,) = boxes.all
            for stranger in (host(3), host(0, 624), ("10.0.0.01", 623), ("", 0)):
                box.deliver(b"forged", stranger)
                box.deliver(None, stranger)
            for number in (2, 0, 2):
                box.deliver(b"for %d" % number, host(number))
            box.deliver(None, host(1))
            await trio.testing.wait_all_tasks_blocked()
            lines[2].close()
            box.deliver(b"too late", host(2))
            box.deliver(None, host(2))
            await trio.testing.wait_all_tasks_blocked()

    run_virtually(story)
    assert [receiver.heard for receiver in receivers] == [[b"for 0"], [], [b"for 2", b"for 2"]]
    assert [receiver.refusals for receiver in receivers] == [0, 1, 0]


def test_who_closes_while_others_are_being_told() -> None:
    """The first of a batch may close the line of the second."""
    boxes = Mailboxes()
    lines: list[Line] = []

    class Closer(Recorder):
        def receive_datagram_untrusted(self, datagram: bytes) -> None:
            super().receive_datagram_untrusted(datagram)
            lines[1].close()

    receivers = [Closer(), Recorder()]

    async def story() -> None:
        async with open_endpoint(open_port=boxes.open) as endpoint:
            lines.extend(endpoint.attach(V4, host(number), receiver) for number, receiver in enumerate(receivers))
            boxes.all[0].deliver(b"first", host(0))
            boxes.all[0].deliver(b"second", host(1))
            await trio.testing.wait_all_tasks_blocked()

    run_virtually(story)
    assert [receiver.heard for receiver in receivers] == [[b"first"], []]
