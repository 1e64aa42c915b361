from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from haconn_cli.config.identity import Identity
from haconn_cli.sighting import Sameness, Sighting, sameness

X, Y = b"x" * 15 + b"1", b"y" * 15 + b"1"
M, N = b"mmmmm1", b"nnnnn1"
SIGHTINGS = st.builds(Sighting, st.sampled_from([None, X, Y]), st.sampled_from([None, M, N]))


def test_what_names_nobody_was_not_shown() -> None:
    assert Sighting.of(bytes(16), bytes(6)) == Sighting.of(b"\xff" * 16, b"\xff" * 6) == Sighting.of(b"", None) == Sighting()
    assert Sighting.of(X, M) == Sighting(X, M)
    assert Sighting().in_words() == "no GUID"
    assert Sighting(X, M).in_words() == f"guid {X.hex()}, mac 6d:6d:6d:6d:6d:31"


def test_sameness() -> None:
    for one, other, expected in [
        (Sighting(X, M), Sighting(X, M), Sameness.PROVEN),
        (Sighting(None, M), Sighting(None, M), Sameness.PROVEN),
        (Sighting(X, M), Sighting(None, M), Sameness.PROVEN),
        (Sighting(X, M), Sighting(X, N), Sameness.DIFFERENT),
        (Sighting(X, M), Sighting(Y, M), Sameness.DIFFERENT),
        (Sighting(X), Sighting(X), Sameness.LIKELY),
        (Sighting(X, M), Sighting(X), Sameness.LIKELY),
        (Sighting(), Sighting(), Sameness.DIFFERENT),
        (Sighting(X), Sighting(None, M), Sameness.DIFFERENT),
    ]:
        assert sameness(one, other) is sameness(other, one) is expected


@given(SIGHTINGS, st.lists(SIGHTINGS, max_size=3))
def test_the_identity_is_shown_and_no_guid_of_another(seen: Sighting, others: list[Sighting]) -> None:
    identity = seen.identity(others)
    if identity is None:
        assert seen.ethernet is None
        assert seen.guid is None or seen.guid in [other.guid for other in others]
    else:
        assert seen.shows(identity)
        assert Sighting.as_pinned(identity).shows(identity)
        assert identity.kind == "mac" or identity not in [other.identity([]) for other in others]


def test_a_shared_guid_gives_way_to_the_mac_address() -> None:
    assert Sighting(X, M).identity([]) == Identity("guid", X)
    assert Sighting(X, M).identity([Sighting(X, N)]) == Identity("mac", M)
    assert Sighting(X).identity([Sighting(X)]) is None
