"""Somebody on the segment who captures what is sent, and sends it again: as it was or changed, from there or from elsewhere."""

from __future__ import annotations

from tests.fakes.host_sockets import Address
from tests.haconn_daemon.cluster.world import REQUEST, World

SEQUENCE = slice(40, 48)
"""Of a datagram."""


def attack(world: World, number: int) -> None:
    """Send so many datagrams of the reset path again, and some of the BMCs'."""
    chance = world.chance
    known = [one for kind, most in (("reset", number), ("ipmi", number // 4)) for one in _some(world, kind, most)]
    for source, target, datagram in known:
        spoilt = bytearray(datagram) or bytearray(1)
        match chance.randrange(6):
            case 0:
                spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
            case 1:
                spoilt = spoilt[: chance.randrange(len(spoilt))]
            case 2:
                another = chance.choice([server.host for server in world.servers.values()])
                source, target = (source[0], 50000), (another, target[1])
            case 3:
                source, target = target, source   # reflected
            case 4:
                spoilt[REQUEST] = chance.randbytes(16)   # another request, as if its sender had gone on
                later = int.from_bytes(spoilt[SEQUENCE]) + chance.randrange(1, 500)
                spoilt[SEQUENCE] = (later % (1 << 64)).to_bytes(8)
        if target[0] not in world.bmc_hosts:   # the simulated BMCs are not what is tested
            world.hosts.forge(bytes(spoilt), source, target)


def _some(world: World, kind: str, most: int) -> list[tuple[Address, Address, bytes]]:
    return world.chance.choices(world.captured[kind], k=most) if world.captured[kind] else []
