"""Our probe against OpenIPMI's ipmi_sim, which answers outside of sessions in IPMI 1.5 framing only."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import trio

from ipmi_lan.crypto.suites import SUITE_3, SUITE_17
from ipmi_lan.probe import probe_bmc
from ipmi_lan.session.probing import Offer
from tests.peers.ipmi_sim import running_ipmi_sims

pytestmark = pytest.mark.peer

HOST = "127.0.0.62"
LIMIT = 60.0   # seconds for a whole test
TRIES = 3      # a probe ends within 1.5 s, in which a loaded machine may not have let ipmi_sim answer all of it


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((HOST, 0))
        return int(taken.getsockname()[1])


def test_what_ipmi_sim_offers(tmp_path: Path) -> None:
    async def story() -> Offer:
        with trio.fail_after(LIMIT):
            async with running_ipmi_sims(tmp_path, [HOST], free_port()) as (sim,):
                for _ in range(TRIES):
                    offer = await probe_bmc(sim.host, sim.port)
                    if offer.pong and offer.suites is not None:
                        break
                return offer
        raise AssertionError

    offer = trio.run(story)
    assert (offer.pong, offer.answers_1_5_framing, offer.answers_rmcp_plus_framing) == (True, True, False)
    assert offer.capabilities is not None
    assert offer.capabilities.ipmi_2
    assert (offer.capabilities.none, offer.capabilities.md2, offer.capabilities.md5) == (True, True, True)
    assert offer.suites is not None
    assert 3 in offer.suites
    assert 17 not in offer.suites
    assert offer.candidates([SUITE_17, SUITE_3]) == (SUITE_3, SUITE_17)
