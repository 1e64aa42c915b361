"""Broadcasts on real interfaces: two of them in one segment, IPv6, one that vanishes and comes back."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
import trio

from tests.whole.segment import Program, Segment, open_segment, run_on

pytestmark = pytest.mark.whole
PORT = "30000"


async def start(stack: AsyncExitStack, segment: Segment, host: str, interface: str) -> Program:
    program = await stack.enter_async_context(run_on(segment, host, "tests.whole.neighbour", interface, PORT))
    await program.says("ready")
    return program


async def is_heard(speaker: Program, listener: Program, target: str) -> None:
    """An INTENT of one reaches the other."""
    await speaker.tell(target)
    await listener.says(f"target='{target}'")


@pytest.mark.shows("O5")
def test_a_broadcast_leaves_by_the_right_one_of_two_interfaces_in_the_segment() -> None:
    """The kernel would take the other one, which was there first, and the cable of which is out."""

    async def main() -> None:
        with open_segment() as segment:
            segment.plug("one", "other0", "192.168.0.101/24")
            segment.plug("one", "reset0", "192.168.0.1/24")
            segment.cut("one", "other0")
            segment.plug("two", "reset0", "192.168.0.2/24")
            async with AsyncExitStack() as stack:
                two = await start(stack, segment, "two", "192.168.0.2/24")
                one = await start(stack, segment, "one", "192.168.0.1/24")
                assert "192.168.0.0/24 is on reset0 and on other0 too" in await one.says("SegmentSeen")
                await two.says("ConnectorSeen")
                await is_heard(one, two, "PSERVER2")
                await is_heard(two, one, "PSERVER3")

    trio.run(main)


def test_ipv6_and_an_interface_that_comes_back_as_another() -> None:
    async def main() -> None:
        with open_segment() as segment:
            for number, host in enumerate(("one", "two"), 1):
                plug_ipv6(segment, host, f"fd00::{number}/64")
            async with AsyncExitStack() as stack:
                one = await start(stack, segment, "one", "fd00::1/64")
                two = await start(stack, segment, "two", "fd00::2/64")
                await one.says("ConnectorSeen")
                await two.says("ConnectorSeen")
                await is_heard(one, two, "PSERVER2")
                segment.inside("switch", "link", "del", "two-reset0")
                await two.says("is on no interface")
                plug_ipv6(segment, "two", "fd00::2/64")
                await two.says("SegmentSeen(complaints=())")
                segment.inside("two", "neigh", "flush", "all")
                three = await new_host(stack, segment)
                await three.says("fd00::2")
                await is_heard(three, two, "PSERVER3")
                await is_heard(two, one, "PSERVER4")

    trio.run(main)


async def new_host(stack: AsyncExitStack, segment: Segment) -> Program:
    """A connector that nobody knows, so that only a broadcast finds the others."""
    plug_ipv6(segment, "three", "fd00::3/64")
    return await start(stack, segment, "three", "fd00::3/64")


def plug_ipv6(segment: Segment, host: str, address: str) -> None:
    segment.plug(host, "reset0")
    segment.inside(host, "address", "add", address, "dev", "reset0", "nodad")
