"""The probe against our simulated BMC, as each family of firmware and with each fault before login."""

from __future__ import annotations

import pytest

from ipmi_lan.crypto.suites import DEFAULT_SUITES, SUITE_3, SUITE_17, SUITES
from ipmi_lan.session.probing import PATIENCE, PROBE_TIMEOUT, Offer
from ipmi_lan.simulator import SimulatedBmc
from ipmi_lan.simulator.faults import Faults, Framing, ProbeFaults, Records
from ipmi_lan.simulator.profiles import PROFILES
from tests.ipmi_lan.session.probed import Course
from tests.ipmi_lan.simulator.console import ADDRESS, a_bmc


def course_with(bmc: SimulatedBmc) -> Course:
    return Course(lambda datagram: bmc.receive_datagram_untrusted(datagram, ADDRESS, 0.0))


def offer_with(**faults: object) -> Offer:
    return course_with(a_bmc(faults=Faults(probe=ProbeFaults(**faults)))).run()   # type: ignore[arg-type]


@pytest.mark.parametrize("records", Records)
@pytest.mark.parametrize("framing", Framing)
def test_suites_are_found_in_whatever_form_and_framing(framing: Framing, records: Records) -> None:
    offer = offer_with(framing=framing, records=records)
    assert offer.suites == (17, 3)
    assert offer.answers_1_5_framing is (framing is not Framing.ONLY_RMCP_PLUS)
    assert offer.answers_rmcp_plus_framing is (framing is not Framing.ONLY_1_5)


@pytest.mark.parametrize("records", [Records.WHOLE, Records.SHORT, Records.WRONG_TAGS])
def test_twenty_suites_in_seven_chunks(records: Records) -> None:
    bmc = a_bmc(suites=tuple(SUITES.values()), faults=Faults(probe=ProbeFaults(records=records)))
    assert course_with(bmc).run().suites == tuple(range(20))


@pytest.mark.parametrize("swapped", [False, True])
def test_a_pong_counts_in_either_byte_order(swapped: bool) -> None:
    assert offer_with(pong_is_little_endian=swapped).pong


def test_each_fault_costs_what_it_must_and_no_more() -> None:
    assert not offer_with(no_pong=True).pong
    assert offer_with(suites_are_unanswered=True).suites is None
    assert offer_with(wants_ipmi_2_bit=True).suites == (17, 3)
    assert offer_with(trailer=b"\0\0\0").suites == (17, 3)
    assert offer_with(also_advertises=(SUITES[15],)).suites == (17, 3, 15)
    without_the_bit = offer_with(refuses_ipmi_2_bit=True)
    assert without_the_bit.capabilities is not None
    assert not without_the_bit.capabilities.is_extended
    assert without_the_bit.suites is None


@pytest.mark.parametrize("name", PROFILES)
def test_every_family_is_probed_in_time_and_no_suite_is_lost(name: str) -> None:
    course = course_with(a_bmc(**PROFILES[name].settings()))
    offer = course.run()
    assert course.took <= PROBE_TIMEOUT
    assert offer.capabilities is not None
    assert set(offer.candidates(DEFAULT_SUITES)) == set(DEFAULT_SUITES)


def test_what_the_cheat_sheet_says_of_some() -> None:
    offers = {name: course_with(a_bmc(**PROFILES[name].settings())).run() for name in PROFILES}
    assert (offers["openbmc"].pong, offers["openbmc"].suites) == (False, (17,))
    assert (offers["idrac"].answers_1_5_framing, offers["idrac"].suites) == (True, (17, 3))
    assert offers["ilo"].suites is None
    assert offers["supermicro-x9"].candidates(DEFAULT_SUITES) == (SUITE_3, SUITE_17)
    assert course_with(a_bmc(**PROFILES["idrac"].settings())).took <= PATIENCE
