from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from haconn_daemon.standing.own_server import OwnServer

NAMES = ("A", "B", "C")


def test_nobody_knows() -> None:
    own = OwnServer(NAMES, None)
    assert (own.claimed, own.decided, own.is_disputed, own.contradiction()) == ((), None, False, "")


def test_each_source_is_enough() -> None:
    told, seen = OwnServer(NAMES, None), OwnServer(NAMES, None)
    assert told.hello("A")
    assert not told.hello("A")
    seen.local_bmc({"A"})
    for own in (told, seen, OwnServer(NAMES, "A")):
        assert (own.claimed, own.decided, own.is_disputed, own.contradiction()) == (("A",), "A", False, "")


def test_all_that_agree() -> None:
    own = OwnServer(NAMES, "B")
    own.hello("B")
    own.local_bmc({"B"})
    assert (own.decided, own.contradiction()) == ("B", "")


def test_a_contradiction_names_who_says_what() -> None:
    own = OwnServer(NAMES, "A")
    own.hello("B")
    own.local_bmc({"A"})
    assert (own.claimed, own.decided, own.is_disputed) == (("B", "A"), None, True)
    assert own.contradiction() == (
        "which server is the own one is disputed: HA Monitor on this server says that it is B; the BMC in this server is that of"
        " A; own_server in conf_haconn says that it is A; none of these is reset, not by force either"
    )


def test_two_that_say_hello_here() -> None:
    own = OwnServer(NAMES, None)
    own.hello("A")
    assert own.hello("C")
    assert own.told == ("A", "C")
    assert "HA Monitor on this server says that it is A and C" in own.contradiction()


def test_what_the_local_bmc_shows_is_what_it_shows_now() -> None:
    own = OwnServer(NAMES, None)
    own.local_bmc({"A", "B"})
    assert own.is_disputed
    own.local_bmc({"B"})
    assert own.decided == "B"
    own.local_bmc(())
    assert own.decided is None


def test_other_settings() -> None:
    own = OwnServer(NAMES, "A")
    own.hello("B")
    own.change(("A", "B"), None)
    assert own.decided == "B"
    own.change(("A", "C"), "C")
    assert own.decided == "C"
    own.change(NAMES, None)
    assert own.decided is None, "who was gone says hello anew"


def test_a_server_that_is_not_configured_is_nobodys() -> None:
    own = OwnServer(("A",), None)
    assert not own.hello("Z")
    own.local_bmc({"Z"})
    assert own.claimed == ()


CLAIMS = st.lists(
    st.tuples(st.just("hello"), st.sampled_from(NAMES)) | st.tuples(st.just("bmc"), st.sampled_from(NAMES)), max_size=4
)


@given(CLAIMS, st.none() | st.sampled_from(NAMES))
def test_the_order_of_the_claims_does_not_matter(claims: list[tuple[str, str]], configured: str | None) -> None:
    """But for the local BMC, which tells what is so now: its last claim is made the same in each order."""
    last = next((name for kind, name in reversed(claims) if kind == "bmc"), None)
    outcomes = set()
    for order in permutations(claims):
        own = OwnServer(NAMES, configured)
        for kind, name in order:
            if kind == "hello":
                own.hello(name)
            else:
                own.local_bmc({name})
        if last is not None:
            own.local_bmc({last})
        assert own.is_disputed == bool(own.contradiction()) == (len(own.claimed) > 1)
        assert own.decided is None or own.claimed == (own.decided,)
        outcomes.add((frozenset(own.claimed), own.decided))
    assert len(outcomes) == 1
    said = {name for kind, name in claims if kind == "hello"} | {name for name in (last, configured) if name is not None}
    assert outcomes.pop()[0] == said
