"""Listening for fence_kdump, on real sockets of the loopback."""

from __future__ import annotations

import errno
import socket
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio

from haconn_daemon.monitor.kdump import listen

KDUMP = bytes.fromhex("402a301b01000000")
BOTH = ("::1", "127.0.0.1")


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as somebody:
        somebody.bind((host, 0))
        port: int = somebody.getsockname()[1]
        return port


def while_listening(main: Callable[[int, list[str]], Awaitable[None]], hosts: tuple[str, ...] = ("127.0.0.1",)) -> list[str]:
    heard: list[str] = []

    async def opened() -> None:
        port = free_port()
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                await nursery.start(partial(listen, port, heard.append, hosts))
                await main(port, heard)
                nursery.cancel_scope.cancel()

    trio.run(opened)
    return heard


def send(datagram: bytes, port: int, sender: str = "127.0.0.1", to: str = "127.0.0.1") -> None:
    with socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((sender, 0))
        server.sendto(datagram, (to, port))


def test_who_has_sent_it() -> None:
    async def main(port: int, heard: list[str]) -> None:
        send(b"something else", port, "127.0.0.7")
        send(b"", port, "127.0.0.7")
        send(KDUMP * 9, port, "127.0.0.7")
        send(KDUMP, port, "127.0.0.8")
        send(KDUMP, port, "127.0.0.9")
        while len(heard) < 2:
            await trio.sleep(0.01)

    assert while_listening(main) == ["127.0.0.8", "127.0.0.9"]


def test_both_families_on_one_socket() -> None:
    async def main(port: int, heard: list[str]) -> None:
        send(KDUMP, port, "::1", "::1")
        while not heard:
            await trio.sleep(0.01)

    assert while_listening(main, ("::1", "127.0.0.1")) == ["::1"]


def test_an_address_that_is_not_there_gives_way_to_the_next() -> None:
    async def main(port: int, heard: list[str]) -> None:
        send(KDUMP, port)
        while not heard:
            await trio.sleep(0.01)

    assert while_listening(main, ("2001:db8::1", "127.0.0.1")) == ["127.0.0.1"]


def test_a_port_that_somebody_has() -> None:
    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as somebody:
            somebody.bind(("127.0.0.1", 0))
            with pytest.raises(OSError, match="kdump_port") as caught:
                await listen(somebody.getsockname()[1], print, ("127.0.0.1",))
            assert caught.value.errno == errno.EADDRINUSE

    trio.run(main)
