from __future__ import annotations

import pytest

from ipmi_lan.crypto.suites import DEFAULT_SUITES, SUITES, Authentication, Confidentiality
from ipmi_lan.errors import BadArgument
from ipmi_lan.profiles import PROFILES, named_profile
from ipmi_lan.quirks import Quirk, parse_quirks
from ipmi_lan.wire.codes import Privilege

HARMLESS_UNDER_THESE = {
    Quirk.NOCHECKSUMCHECK,   # every packet has a code
    Quirk.INTEL20,           # no MD5 suite, so no password is cut
}
every_profile = pytest.mark.parametrize("name", PROFILES)


@every_profile
def test_a_profile_gives_up_nothing(name: str) -> None:
    profile = PROFILES[name]
    suites = [SUITES[number] for number in profile.suites]
    assert all(suite.integrity and suite.confidentiality is Confidentiality.AES_CBC_128 for suite in suites)
    assert {quirk for quirk in profile.quirks if quirk.weakens} <= HARMLESS_UNDER_THESE
    assert not any(suite.authentication is Authentication.HMAC_MD5 for suite in suites)
    assert parse_quirks(",".join(profile.quirks)) == profile.quirks


@every_profile
def test_its_suites_are_among_those_offered_by_default_and_not_repeated(name: str) -> None:
    assert set(PROFILES[name].suites) <= {suite.id for suite in DEFAULT_SUITES}
    assert len(set(PROFILES[name].suites)) == len(PROFILES[name].suites) > 0


@every_profile
def test_its_numbers_are_possible(name: str) -> None:
    profile = PROFILES[name]
    assert profile.expects
    assert 16 <= profile.longest_password <= 20
    assert profile.lowest_privilege in (None, *Privilege)


def test_a_profile_is_found_by_its_name() -> None:
    assert named_profile(" OpenBMC ") is PROFILES["openbmc"]
    assert PROFILES["openbmc"].suites == (17,)


@pytest.mark.parametrize(("name", "said"), [("openbcm", "'openbcm'.*'openbmc'"), ("", "''"), ("toaster", "'toaster'")])
def test_an_unknown_name_is_refused(name: str, said: str) -> None:
    with pytest.raises(BadArgument, match=said):
        named_profile(name)
