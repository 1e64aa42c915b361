from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.crypto.suites import SUITES
from ipmi_lan.session.probing import PATIENCE, PROBE_TIMEOUT, Offer, Probe, Stage
from ipmi_lan.wire.codes import CompletionCode
from ipmi_lan.wire.message import parse_request_untrusted
from ipmi_lan.wire.packet import Packet, build_packet
from ipmi_lan.wire.rmcp import build_ping, build_pong
from tests.ipmi_lan.session.probed import BOTH, EXTENDED, RECORDS, SUITE_LIST, Board, Course, probed, unwrap
from tests.ipmi_lan.simulator.console import ADDRESS, a_bmc

EVERYTHING = Offer(True, True, True, EXTENDED, (3, 17))


def test_a_bmc_that_answers_everything_costs_a_round_trip_for_each_step() -> None:
    board = Board()
    offer, took = probed(board, latency=0.01)
    assert offer == EVERYTHING
    assert took == pytest.approx(0.02)
    assert board.asked == 4   # ping, capabilities in both framings, suites


def test_our_simulated_bmc_offers_what_it_has() -> None:
    bmc = a_bmc()
    offer = Course(lambda datagram: bmc.receive_datagram_untrusted(datagram, ADDRESS, 0.0)).run()
    assert (offer.pong, offer.answers_1_5_framing, offer.answers_rmcp_plus_framing) == (True, True, True)
    assert offer.capabilities is not None
    assert offer.capabilities.ipmi_2
    assert offer.suites == (17, 3)


@pytest.mark.parametrize("framing", BOTH)
def test_a_bmc_that_hears_one_framing_only(framing: str) -> None:
    offer, took = probed(Board(hears=(framing,)))
    assert offer == replace(EVERYTHING, answers_1_5_framing=framing == "1.5", answers_rmcp_plus_framing=framing == "2.0")
    assert took == pytest.approx(PATIENCE)


def test_a_bmc_that_answers_in_the_other_framing() -> None:
    assert probed(Board(speaks=lambda framing: "1.5" if framing == "2.0" else "2.0"))[0] == EVERYTHING
    assert probed(Board(speaks=lambda framing: "1.5", hears=("2.0",)))[0] == replace(EVERYTHING, answers_1_5_framing=False)


@pytest.mark.parametrize("framing", BOTH)
def test_suites_that_are_told_in_one_framing_only_are_asked_for_in_both(framing: str) -> None:
    offer, took = probed(Board(lists_in=(framing,)))
    assert offer == EVERYTHING
    assert took <= PATIENCE


def test_a_long_list_is_asked_for_in_the_framing_that_answered_at_once() -> None:
    records = b"".join(bytes((0xC0, number, 1, 0x41, 0x81)) for number in range(30))
    offer, took = probed(Board(lists_in=("2.0",), records=records))
    assert offer.suites == tuple(range(30))
    assert took <= PATIENCE


def test_no_pong_is_no_reason_to_stop() -> None:
    offer, took = probed(Board(pongs=False))
    assert offer == replace(EVERYTHING, pong=False)
    assert took == pytest.approx(PATIENCE)


def test_silence_ends_after_two_tries() -> None:
    board = Board(pongs=False, hears=())
    offer, took = probed(board)
    assert offer == Offer()
    assert took == pytest.approx(2 * PATIENCE)
    assert board.asked == 6


def test_only_a_pong() -> None:
    offer, took = probed(Board(hears=()))
    assert offer == Offer(pong=True)
    assert took == pytest.approx(2 * PATIENCE)


def test_a_bmc_that_never_tells_its_suites_costs_two_tries() -> None:
    board = Board(lists_in=())
    offer, took = probed(board)
    assert offer == replace(EVERYTHING, suites=None)
    assert took == pytest.approx(2 * PATIENCE)
    assert board.asked == 5


@pytest.mark.parametrize("code", [CompletionCode.INVALID_COMMAND, CompletionCode.INSUFFICIENT_PRIVILEGE])
def test_a_bmc_that_refuses_to_tell_its_suites_costs_nothing(code: CompletionCode) -> None:
    assert probed(Board(list_code=code)) == (replace(EVERYTHING, suites=None), 0.0)


def test_a_bmc_of_ipmi_1_5_refuses_the_bit_and_is_asked_without() -> None:
    board = Board(takes_the_bit=False, hears=("1.5",))
    offer, _ = probed(board)
    assert offer.capabilities == EXTENDED._replace(is_extended=False)
    assert offer.suites is None
    assert board.asked == 4


def test_the_extended_answer_counts_whichever_framing_has_it() -> None:
    for plain in BOTH:
        boards = {plain: Board(capabilities=EXTENDED._replace(is_extended=False)), other_of(plain): Board()}

        def answers(datagram: bytes, boards: dict[str, Board] = boards) -> list[bytes]:
            question = unwrap(datagram)
            return boards["1.5" if question is None else question[0]].receive_datagram_untrusted(datagram)

        assert Course(answers).run() == EVERYTHING


def other_of(framing: str) -> str:
    return BOTH[1 - BOTH.index(framing)]


# ── the list in chunks ───────────────────────────────────────────────────────


@pytest.mark.parametrize("count", [0, 1, 3, 4, 16, 32, 100])
def test_a_list_in_chunks_is_put_together(count: int) -> None:
    records = b"".join(bytes((0xC0, number, 1, 0x41, 0x81)) for number in range(count))
    board = Board(records=records)
    assert probed(board)[0].suites == tuple(range(count))
    assert board.asked == 3 + len(records) // 16 + 1


def test_a_list_without_end_is_cut_after_64_chunks() -> None:
    board = Board(records=bytes(random.Random(5).randbytes(5000)))
    assert probed(board)[0].suites is not None
    assert board.asked == 3 + 64


def test_a_bmc_that_does_not_look_at_the_index_says_its_list_once() -> None:
    board = Board(records=RECORDS + bytes.fromhex("c002014180c0"), looks_at_the_index=False)
    assert probed(board)[0].suites == (3, 17, 2)
    assert board.asked == 5


def test_what_came_before_a_chunk_that_never_comes_is_kept() -> None:
    records = b"".join(bytes((0xC0, number, 1, 0x41, 0x81)) for number in range(6))
    board = Board(records=records)

    def answers(datagram: bytes) -> list[bytes]:
        question = unwrap(datagram)
        request = None if question is None else parse_request_untrusted(question[1])
        is_second = request is not None and request.command == SUITE_LIST and request.data[2] & 0x3F == 1
        return [] if is_second else board.receive_datagram_untrusted(datagram)

    course = Course(answers)
    assert course.run().suites == (0, 1, 2)   # the fourth begins in the second chunk
    assert course.took <= PROBE_TIMEOUT


def test_suites_of_vendors_are_left_out_and_none_is_named_twice() -> None:
    records = bytes.fromhex("c180570100014181 c011034481 c011034481 c003014181")
    assert probed(Board(records=records))[0].suites == (17, 3)


# ── time ─────────────────────────────────────────────────────────────────────


def test_a_lost_datagram_costs_half_a_second() -> None:
    for lost in range(4):
        board, count = Board(), iter(range(100))

        def answers(datagram: bytes, board: Board = board, count: object = count, lost: int = lost) -> list[bytes]:
            replies = board.receive_datagram_untrusted(datagram)
            return [] if next(count) == lost else replies   # type: ignore[call-overload]

        course = Course(answers)
        offer = course.run()
        assert offer.suites == (3, 17)
        assert course.took <= PATIENCE


@given(st.floats(0.0, 3.0), st.floats(0.0, 2.0))
def test_it_ends_by_its_deadline_however_slow_the_answers(timeout: float, latency: float) -> None:
    _, took = probed(Board(), timeout=timeout, latency=latency)
    assert took <= timeout + 1e-9


def test_a_slow_bmc_is_heard_out() -> None:
    offer, took = probed(Board(), latency=0.7)
    assert offer == EVERYTHING
    assert took == pytest.approx(1.4)


def test_a_port_that_refuses_ends_the_second_try() -> None:
    probe = Probe(random.Random(1).randbytes, 0.0)
    for _ in range(3):
        probe.peer_refused(0.0)
    assert not probe.is_done
    probe.handle_deadline(PATIENCE)
    probe.peer_refused(PATIENCE)
    assert probe.is_done
    assert probe.next_deadline() is None
    assert probe.offer == Offer()


def test_a_refusal_beside_an_answer_is_nothing() -> None:
    probe = Probe(random.Random(1).randbytes, 0.0)
    probe.peer_refused(0.0)
    for datagram in probe.datagrams_to_send():
        for reply in Board(hears=()).receive_datagram_untrusted(datagram):
            probe.receive_datagram_untrusted(reply, 0.1)
    probe.handle_deadline(PATIENCE)
    probe.peer_refused(PATIENCE)
    assert not probe.is_done


# ── what is not asked for ────────────────────────────────────────────────────


def test_answers_to_nothing_asked_are_dropped() -> None:
    board = Board()
    probe = Probe(random.Random(1).randbytes, 0.0)
    replies = [reply for one in probe.datagrams_to_send() for reply in board.receive_datagram_untrusted(one)]
    other = Probe(random.Random(9).randbytes, 0.0)
    for reply in replies:
        other.receive_datagram_untrusted(reply, 0.0)
    assert other.dropped == {"answer to nothing asked": 3}
    assert other.offer == Offer()


def test_an_answer_counts_once() -> None:
    course = Course(lambda datagram: 2 * Board().receive_datagram_untrusted(datagram))
    assert course.run() == EVERYTHING
    assert course.took == 0.0


def test_what_belongs_to_a_session_is_dropped() -> None:
    probe = Probe(random.Random(1).randbytes, 0.0)
    packet = Packet(0, b"", 1)
    for strange in (packet, packet._replace(session_id=0, payload_type=0x11), Packet(0, b"x", encrypted=True)):
        probe.receive_datagram_untrusted(build_packet(strange), 0.0)
    assert probe.dropped == {"malformed": 3}


def test_after_its_end_nothing_changes_it() -> None:
    probe = Probe(random.Random(1).randbytes, 0.0)
    probe.handle_deadline(PROBE_TIMEOUT)
    assert probe.stage is Stage.DONE
    probe.receive_datagram_untrusted(build_pong(0), 2.0)
    probe.handle_deadline(3.0)
    assert (probe.offer, probe.dropped) == (Offer(), {"late": 1})


@given(st.integers(0, 2**32), st.data())
def test_any_datagrams_at_any_time_do_no_harm(seed: int, data: st.DataObject) -> None:
    probe = Probe(random.Random(seed).randbytes, 0.0)
    board, now, sent = Board(), 0.0, 0
    for _ in range(data.draw(st.integers(0, 30))):
        outgoing = probe.datagrams_to_send()
        sent += len(outgoing)
        now += data.draw(st.floats(0.0, 0.3))
        genuine = [reply for one in outgoing for reply in board.receive_datagram_untrusted(one)]
        spoilt = [bytes(octet ^ (position == 9) for position, octet in enumerate(reply)) for reply in genuine]
        rubbish = [data.draw(st.binary(max_size=60)), build_ping(3), b"\x06\x00\xff\x07", bytes(3000)]
        for datagram in data.draw(st.lists(st.sampled_from(genuine + spoilt + rubbish), max_size=4)):
            probe.receive_datagram_untrusted(datagram, now)
        if data.draw(st.booleans()):
            probe.peer_refused(now)
        if (due := probe.next_deadline()) is not None and due <= now:
            probe.handle_deadline(now)
    assert sent <= 140
    assert probe.offer.suites in (None, (3, 17))
    assert now < PROBE_TIMEOUT or probe.next_deadline() is None or probe.next_deadline() <= PROBE_TIMEOUT   # type: ignore[operator]


# ── what an offer is good for ────────────────────────────────────────────────


suites = st.lists(st.sampled_from(sorted(SUITES)), unique=True).map(lambda numbers: [SUITES[number] for number in numbers])


@given(suites, st.none() | st.lists(st.integers(0, 255)).map(tuple))
def test_candidates_are_those_wanted_and_advertised_ones_come_first(wanted: list[object], told: tuple[int, ...] | None) -> None:
    candidates = Offer(suites=told).candidates(wanted)   # type: ignore[arg-type]
    assert sorted(suite.id for suite in candidates) == sorted(suite.id for suite in wanted)   # type: ignore[attr-defined]
    advertised = [suite.id in (told or ()) for suite in candidates]
    assert advertised == sorted(advertised, reverse=True)


def test_candidates_keep_the_order_in_which_they_are_wanted() -> None:
    wanted = [SUITES[17], SUITES[3], SUITES[8]]
    assert Offer().candidates(wanted) == tuple(wanted)
    assert Offer(suites=(3, 17)).candidates(wanted) == tuple(wanted)
    assert Offer(suites=(8, 3)).candidates(wanted) == (SUITES[3], SUITES[8], SUITES[17])
