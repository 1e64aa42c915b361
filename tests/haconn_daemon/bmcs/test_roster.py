"""Which BMC is whose, over swapped, replaced, shared and anonymous BMCs (F49)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn_cli.config.identity import Identity
from haconn_cli.config.model import BmcAddress, ManagedServer
from haconn_cli.config.pins import Pin
from haconn_cli.sighting import Sighting
from haconn_daemon.bmcs.roster import Need, Roster

X, Y = b"x" * 15 + b"1", b"y" * 15 + b"1"
M, N = b"mmmmm1", b"nnnnn1"
GUID_X, GUID_Y, MAC_M, MAC_N = Identity("guid", X), Identity("guid", Y), Identity("mac", M), Identity("mac", N)


def server(name: str, host: int, identity: Identity | None = None) -> ManagedServer:
    return ManagedServer(name, BmcAddress(f"10.0.0.{host}"), identity=identity)


A, B, C = server("A", 1), server("B", 2), server("C", 3)


class Desk:
    """A roster, and what it said and kept."""

    def __init__(self, *servers: ManagedServer, pins: dict[str, Pin] | str | None = None) -> None:
        self.kept: dict[str, Pin] = {} if pins is None or isinstance(pins, str) else dict(pins)
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.roster = Roster(servers or (A, B), pins or {}, self._tell, self._keep)

    def _tell(self, name: str, level: int = 0, /, **fields: object) -> None:
        self.events.append((name, fields))

    def _keep(self, name: str, bmc: str, identity: Identity) -> None:
        self.kept[name] = Pin(bmc, identity)

    def is_refused(self, server: ManagedServer, guid: bytes | None, mac: bytes | None = None) -> str:
        refusal = self.roster.admit(server, Sighting(guid, mac))
        return "" if refusal is None else refusal.why

    def doubt(self, server: ManagedServer) -> str:
        refusal = self.roster.doubt(server)
        return "" if refusal is None else refusal.why

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.events]


def test_pinned_at_first_sight_and_kept() -> None:
    desk = Desk()
    assert not desk.is_refused(A, X, M)
    assert not desk.is_refused(B, Y, N)
    assert desk.kept == {"A": Pin("10.0.0.1", GUID_X), "B": Pin("10.0.0.2", GUID_Y)}
    assert desk.events[0] == ("identity_pinned", {"server": "A", "bmc": "10.0.0.1", "identity": str(GUID_X)})
    assert not desk.is_refused(A, X)
    assert len(desk.events) == 2


def test_two_that_were_swapped_are_both_refused_in_this_life_and_the_next() -> None:
    desk = Desk()
    desk.is_refused(A, X)
    desk.is_refused(B, Y)
    for life in (desk, Desk(pins=desk.kept)):
        assert life.is_refused(A, Y) == f"another BMC answers there: {GUID_Y}, first seen there was {GUID_X}"
        assert life.is_refused(B, X)
        assert life.kept == desk.kept


def test_a_board_that_was_replaced_is_refused_until_it_is_pinned_anew() -> None:
    desk = Desk(pins={"A": Pin("10.0.0.1", GUID_X)})
    assert desk.is_refused(A, Y)
    desk.roster.replace_pins({})
    assert not desk.is_refused(A, Y)
    assert desk.kept["A"] == Pin("10.0.0.1", GUID_Y)


def test_the_administrators_pin_counts_first() -> None:
    written = server("A", 1, GUID_Y)
    desk = Desk(written, B, pins={"A": Pin("10.0.0.1", GUID_X)})
    assert desk.is_refused(written, X) == f"another BMC answers there: {GUID_X}, written in conf_pserver is {GUID_Y}"
    assert not desk.is_refused(written, Y)
    assert desk.kept == {"A": Pin("10.0.0.1", GUID_X)}, "what is written needs no other pin"


def test_at_another_address_another_bmc_is_expected_and_that_is_said() -> None:
    desk = Desk(server("A", 9), B, pins={"A": Pin("10.0.0.1", GUID_X)})
    assert not desk.is_refused(server("A", 9), Y)
    assert desk.kept["A"] == Pin("10.0.0.9", GUID_Y)
    assert desk.events[-1][1]["address_before"] == "10.0.0.1"


def test_a_server_that_was_renamed_keeps_its_bmc() -> None:
    renamed = server("Z", 1)
    desk = Desk(renamed, B, pins={"A": Pin("10.0.0.1", GUID_X)})
    assert desk.is_refused(renamed, Y)
    running = Desk(A, B)
    running.is_refused(A, X)
    running.roster.change([renamed, B])
    assert running.is_refused(renamed, Y)


def test_boards_that_share_a_guid_are_told_apart_by_mac_address() -> None:
    desk = Desk()
    assert not desk.is_refused(A, X, M)
    assert desk.kept["A"].identity == GUID_X
    assert not desk.is_refused(B, X, N)
    assert (desk.kept["A"].identity, desk.kept["B"].identity) == (MAC_M, MAC_N)
    assert desk.is_refused(A, X, N)
    assert desk.is_refused(B, X, M)


@pytest.mark.parametrize("mac", [None, M])
def test_one_bmc_under_two_servers_is_switched_for_neither(mac: bytes | None) -> None:
    desk = Desk(A, B, C)
    assert not desk.is_refused(A, X, mac)
    assert "is that of A at 10.0.0.1 too" in desk.is_refused(B, X, mac)
    assert "is that of B at 10.0.0.2 too" in desk.doubt(A), "a session that is open knows it too"
    assert "is that of B" in desk.is_refused(A, X, mac)
    assert not desk.is_refused(C, Y, N)
    assert desk.names.count("same_bmc_twice") == 2, "said once for each"
    assert "B" not in desk.kept


def test_one_bmc_under_two_servers_is_that_of_the_one_whose_identity_is_written() -> None:
    written = server("A", 1, GUID_X)
    desk = Desk(written, B)
    assert not desk.is_refused(written, X, M)
    assert "is that of A" in desk.is_refused(B, X, M)
    assert not desk.is_refused(written, X, M)


def test_it_is_enough_that_the_other_is_pinned_and_was_not_seen_yet() -> None:
    assert "is that of B" in Desk(pins={"B": Pin("10.0.0.2", GUID_X)}).is_refused(A, X, M)
    assert "is that of B" in Desk(A, server("B", 2, MAC_M)).is_refused(A, X, M)
    assert not Desk(pins={"B": Pin("10.0.0.2", MAC_N)}).is_refused(A, X, M)


def test_a_mistaken_address_does_not_harm_the_server_whose_bmc_it_is() -> None:
    """B was pinned; then its address leads to A's BMC."""
    desk = Desk(pins={"A": Pin("10.0.0.1", GUID_X), "B": Pin("10.0.0.2", GUID_Y)})
    assert not desk.is_refused(A, X, M)
    assert "another BMC answers" in desk.is_refused(B, X, M)
    assert not desk.doubt(A)
    assert not desk.is_refused(A, X, M)


def test_shared_guids_without_mac_addresses_are_switched_where_they_are_written_for_both() -> None:
    one, two = server("A", 1, GUID_X), server("B", 2, GUID_X)
    desk = Desk(one, two)
    assert not desk.is_refused(one, X)
    assert not desk.is_refused(two, X)
    proven = Desk(one, two)
    proven.is_refused(one, X, M)
    assert proven.is_refused(two, X, M), "the MAC address proves that it is one BMC"
    assert proven.is_refused(one, X, M)


def test_a_written_guid_that_turns_out_to_be_shared_is_said() -> None:
    written = server("A", 1, GUID_X)
    desk = Desk(written, B)
    assert not desk.is_refused(written, X, M)
    assert not desk.is_refused(B, X, N)
    assert ("identity_not_unique", {"server": "A", "written": str(GUID_X), "better": str(MAC_M)}) in desk.events


def test_a_bmc_without_anything_is_switched_and_that_is_said() -> None:
    desk = Desk()
    assert not desk.is_refused(A, None)
    assert not desk.is_refused(B, None)
    assert not desk.is_refused(A, None)
    assert desk.names == ["no_identity", "no_identity"]
    assert not desk.is_refused(A, X, M)
    assert desk.kept == {"A": Pin("10.0.0.1", GUID_X)}
    assert desk.is_refused(A, None)


def test_damaged_pins_pin_nothing_anew() -> None:
    written = server("A", 1, GUID_X)
    desk = Desk(written, B, pins="pins: is not JSON")
    assert desk.names == ["pins_damaged"]
    assert not desk.is_refused(written, X)
    assert "not known any more: pins: is not JSON; see with 'haconnsetup check'" in desk.is_refused(B, Y)
    assert desk.kept == {}
    desk.roster.replace_pins({})
    assert not desk.is_refused(B, Y)


def test_when_the_mac_address_is_needed() -> None:
    desk = Desk(A, B)
    roster = desk.roster
    assert roster.need_of_mac(A, X) is Need.IF_IT_TELLS
    desk.is_refused(A, X, M)
    assert roster.need_of_mac(A, X) is Need.NONE
    assert roster.sighting(A, X) == Sighting(X, M)
    assert roster.sighting(A, Y) == Sighting(Y), "it is that of another BMC, maybe"
    assert roster.need_of_mac(A, Y) is Need.IF_IT_TELLS
    desk.is_refused(B, X, N)
    assert roster.need_of_mac(A, X) is Need.ABSOLUTE
    anonymous = Desk(A)
    anonymous.is_refused(A, None)
    assert anonymous.roster.need_of_mac(A, bytes(16)) is Need.NONE, "it has told what it tells"
    twice = Desk(A, B)
    for each in (A, B):
        twice.is_refused(each, None, M)
        assert twice.roster.need_of_mac(each, bytes(16)) is Need.ABSOLUTE, "which is all that shows whose it is"
    other = Desk(A, pins={"A": Pin("10.0.0.1", GUID_X)})
    assert other.is_refused(A, Y, N)
    assert other.roster.need_of_mac(A, Y) is Need.IF_IT_TELLS


def test_whose_bmc_the_local_one_is() -> None:
    desk = Desk(A, B, C, pins={"C": Pin("10.0.0.3", MAC_M)})
    desk.is_refused(A, X)
    desk.is_refused(B, Y)
    roster = desk.roster
    assert roster.servers_of(X, [], []) == {"A"}
    assert roster.servers_of(bytes(16), [], []) == set()
    assert roster.servers_of(b"", [bytes(6), M], []) == {"C"}
    assert roster.servers_of(b"", [], ["10.0.0.2", "0.0.0.0"]) == {"B"}
    assert roster.servers_of(X, [M], ["10.0.0.2"]) == {"A", "B", "C"}
    shared = Desk(A, B, pins={"A": Pin("10.0.0.1", GUID_X), "B": Pin("10.0.0.2", GUID_X)})
    assert shared.roster.servers_of(X, [], []) == set()


SIGHTS = st.tuples(st.sampled_from([A, B, C]), st.sampled_from([None, X, Y]), st.sampled_from([None, M, N]))


@given(st.lists(SIGHTS, max_size=12))
def test_whatever_is_seen_in_whatever_order(sights: list[tuple[ManagedServer, bytes | None, bytes | None]]) -> None:
    """Nothing is admitted against its pin, and no BMC is proven to be that of two servers that are both admitted."""
    desk = Desk(A, B, C)
    last: dict[str, Sighting] = {}
    for each, guid, mac in sights:
        pinned = desk.kept.get(each.name)
        if desk.is_refused(each, guid, mac):
            last.pop(each.name, None)
        else:
            last[each.name] = Sighting(guid, mac)
            assert pinned is None or Sighting(guid, mac).shows(pinned.identity)
    proofs = [seen.ethernet for name, seen in last.items() if seen.ethernet and not desk.doubt({"A": A, "B": B, "C": C}[name])]
    guids = [seen.guid for name, seen in last.items() if not desk.doubt({"A": A, "B": B, "C": C}[name])]
    assert all(proofs.count(mac) == 1 or len({*guids}) > 1 for mac in proofs)
    again = Desk(A, B, C, pins=desk.kept)
    for name, pin in desk.kept.items():
        wrong = Sighting(b"z" * 16, b"zzzzzz")
        assert again.roster.admit({"A": A, "B": B, "C": C}[name], wrong) is not None, pin
