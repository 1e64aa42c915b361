"""The C compiler and Linux's own header against our layouts of the IPMI device: sizes, places and ioctl numbers."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator

import pytest
import trio
from construct import Struct

from ipmi_lan.transport import device
from tests.peers.programs import run_program

pytestmark = pytest.mark.peer

SOURCE = """
#include <stddef.h>
#include <linux/ipmi.h>
#define SAY(name, value) __asm__ volatile("\\n.ascii \\"<" name "=%0>\\"" : : "i"(value))
#define PLACE(kind, part) SAY(#kind "." #part, offsetof(struct kind, part))
#define SIZE(kind) SAY(#kind, sizeof(struct kind))
void say(void) {
    SIZE(ipmi_req); PLACE(ipmi_req, addr); PLACE(ipmi_req, addr_len); PLACE(ipmi_req, msgid);
    PLACE(ipmi_req, msg.netfn); PLACE(ipmi_req, msg.cmd); PLACE(ipmi_req, msg.data_len); PLACE(ipmi_req, msg.data);
    SIZE(ipmi_recv); PLACE(ipmi_recv, recv_type); PLACE(ipmi_recv, addr); PLACE(ipmi_recv, addr_len); PLACE(ipmi_recv, msgid);
    PLACE(ipmi_recv, msg.netfn); PLACE(ipmi_recv, msg.cmd); PLACE(ipmi_recv, msg.data_len); PLACE(ipmi_recv, msg.data);
    SIZE(ipmi_system_interface_addr); PLACE(ipmi_system_interface_addr, addr_type);
    PLACE(ipmi_system_interface_addr, channel); PLACE(ipmi_system_interface_addr, lun);
    SIZE(ipmi_addr);
    SAY("send", IPMICTL_SEND_COMMAND); SAY("receive", IPMICTL_RECEIVE_MSG_TRUNC);
    SAY("events", IPMICTL_SET_GETS_EVENTS_CMD); SAY("most", IPMI_MAX_MSG_LENGTH); SAY("response", IPMI_RESPONSE_RECV_TYPE);
    SAY("channel", IPMI_BMC_CHANNEL); SAY("interface", IPMI_SYSTEM_INTERFACE_ADDR_TYPE);
}
"""
"""Not linked and not run: the numbers are read from the assembly, so that a compiler for another word size does."""
NAMES = {
    "type": "addr_type", "address": "addr", "address_size": "addr_len", "number": "msgid", "kind": "recv_type",
    "netfn": "msg.netfn", "command": "msg.cmd", "size": "msg.data_len", "data": "msg.data", "channel": "channel", "lun": "lun",
}  # fmt: skip


async def numbers_of_the_compiler(ioctl: str, *options: str) -> dict[str, int]:
    """What gcc says of <linux/ipmi.h>, for the word size that `options` choose, with the ioctl numbers of the header `ioctl`."""
    words = ["-include", ioctl, "-x", "c", "-ffreestanding", "-O0", "-S", "-o", "-", "-", *options]
    outcome = await run_program("gcc", words, given=SOURCE.encode())
    found = re.findall(r'\.ascii "<([\w.]+)=[$#]?(-?\d+)>"', outcome.text)
    assert found, outcome.text
    return {name: int(value) & 0xFFFFFFFF for name, value in found}


def places(kind: str, layout: Struct) -> dict[str, int]:
    """By C's name, how large our layout is, and where each member of it begins."""
    return {kind: layout.sizeof()} | {f"{kind}.{NAMES[name]}": at for name, at in members(layout, 0)}


def members(layout: Struct, at: int) -> Iterator[tuple[str, int]]:
    """The members by our names, those of a structure within it among them."""
    for part in layout.subcons:
        inner = getattr(part, "subcon", None)
        if isinstance(inner, Struct):
            yield from members(inner, at)
        elif part.name:
            yield part.name, at
        at += part.sizeof()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="its compiler has both word sizes")
@pytest.mark.parametrize(("word", "option"), [(8, "-m64"), (4, "-m32")])
def test_the_compiler_lays_them_out_like_us(word: int, option: str) -> None:
    theirs = trio.run(numbers_of_the_compiler, "asm-generic/ioctl.h", option)
    assert theirs == ours(device.structures(word))


def test_and_so_it_does_for_this_machine() -> None:
    assert trio.run(numbers_of_the_compiler, "asm/ioctl.h") == ours(device.NATIVE)


def ours(structures: device.Structures) -> dict[str, int]:
    return {
        **places("ipmi_req", structures.request),
        **places("ipmi_recv", structures.arrival),
        **places("ipmi_system_interface_addr", structures.address),
        "ipmi_addr": device.MOST_ADDRESS,
        "send": structures.send,
        "receive": structures.receive,
        "events": structures.choose_events,
        "most": device.MOST_DATA,
        "response": device.RESPONSE,
        "channel": device.BMC_CHANNEL,
        "interface": device.SYSTEM_INTERFACE,
    }
