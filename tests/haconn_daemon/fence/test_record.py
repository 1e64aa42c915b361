from __future__ import annotations

import json
import os
import stat
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haconn_cli.resetpath.vocabulary import Evidence, Reading, ResetResult, ResultCode
from haconn_daemon.fence import record as record_module
from haconn_daemon.fence.record import Intent, Past, Record

RESULT = ResetResult(
    ResultCode.CYCLED_CONFIRMED,
    back_on=True,
    evidence=Evidence(
        (Reading(0.012, True), Reading(0.5, False), Reading(1.1, False), Reading(2.0, True)),
        bytes(range(1, 17)),
        17,
        ("power off at 0.012 s: accepted", "power on at 1.500 s: accepted"),
        "seen off twice, then on again",
    ),
)
FAILURE = ResetResult(ResultCode.UNREACHABLE, evidence=Evidence(detail="keine Antwort — \x85\u2028\x1c\n无应答"))


def an_intent(number: int) -> Intent:
    target, ticket = f"PSERVER{number}", f"{number:016x}:aa"
    return Intent(f"{number:032x}", target, "CYCLE", "monitor PSERVER1", 30.0, "why\nnot", ticket, "2026-01-02")


def opened(path: Path) -> tuple[Record, list[Past]]:
    record = Record(path)
    return record, record.open()


def past_of(path: Path) -> list[Past]:
    """What a new life finds; it ends at once."""
    record, past = opened(path)
    record.close()
    return past


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "record"


@pytest.fixture
def instant_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that write a thousand times."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: None)


def test_nothing_yet(path: Path) -> None:
    assert past_of(path) == []
    assert past_of(path) == []


def test_a_result_survives_restarts(path: Path) -> None:
    record, _ = opened(path)
    record.intend(an_intent(1))
    record.join(an_intent(1).operation, "joined:1", "setup admin")
    record.conclude(an_intent(1).operation, RESULT)
    record.intend(an_intent(2))
    record.conclude(an_intent(2).operation, FAILURE)
    record.close()
    expected = [
        Past((1).to_bytes(16), "PSERVER1", (an_intent(1).ticket, "joined:1"), RESULT, False),
        Past((2).to_bytes(16), "PSERVER2", (an_intent(2).ticket,), FAILURE, False),
    ]
    for _ in range(3):
        assert past_of(path) == expected


def test_an_intent_without_a_result_was_interrupted_and_stays_so(path: Path) -> None:
    record, _ = opened(path)
    record.intend(an_intent(1))
    record.join(an_intent(1).operation, "joined:1", "setup admin")
    record.close()
    (first,) = past_of(path)
    assert (first.result.code, first.was_cut_short) == (ResultCode.INTERRUPTED, True)
    assert first.tickets == (an_intent(1).ticket, "joined:1")
    for _ in range(2):
        (again,) = past_of(path)
        assert (again.result, again.was_cut_short) == (first.result, False)


def test_the_first_result_counts(path: Path) -> None:
    record, _ = opened(path)
    record.intend(an_intent(1))
    record.conclude(an_intent(1).operation, FAILURE)
    record.conclude(an_intent(1).operation, RESULT)
    record.close()
    assert [past.result for past in past_of(path)] == [FAILURE]


def test_the_lines_of_one_operation_in_any_order(path: Path) -> None:
    """A disk that hangs for a while may write the intent last."""
    record, _ = opened(path)
    record.join(an_intent(1).operation, "joined:1", "setup admin")
    record.conclude(an_intent(1).operation, RESULT)
    record.intend(an_intent(1))
    record.close()
    (past,) = past_of(path)
    assert (past.result, past.target) == (RESULT, "PSERVER1")


@pytest.mark.shows("R3")
@pytest.mark.usefixtures("instant_disk")
def test_a_crash_at_every_third_byte(path: Path) -> None:
    record, _ = opened(path)
    record.intend(an_intent(1))
    record.join(an_intent(1).operation, "joined:1", "setup admin")
    record.conclude(an_intent(1).operation, RESULT)
    record.intend(an_intent(2))
    record.close()
    whole = path.read_bytes()
    ends = [place + 1 for place, octet in enumerate(whole) if octet == 10]
    for length in range(0, len(whole) + 3, 3):
        path.write_bytes(whole[:length])
        lines = sum(end <= length + 1 for end in ends)   # the line end itself may be missing
        past = past_of(path)
        assert [reset.target for reset in past] == [f"PSERVER{number}" for number in (1, 2) if lines >= 3 * number - 2]
        for reset, (needed, result) in zip(past, ((3, RESULT), (99, RESULT)), strict=False):
            assert reset.was_cut_short is (lines < needed)
            assert reset.result.code is (ResultCode.INTERRUPTED if lines < needed else result.code)
            assert lines < needed or reset.result == result
        again = past_of(path)
        assert [reset.result for reset in again] == [reset.result for reset in past]
        assert not any(reset.was_cut_short for reset in again)


@pytest.mark.usefixtures("instant_disk")
def test_a_crash_while_it_is_shortened(path: Path) -> None:
    record, _ = opened(path)
    record.intend(an_intent(1))
    record.conclude(an_intent(1).operation, RESULT)
    record.close()
    path.with_suffix(".new").write_bytes(b'{"operation": "00')
    assert [past.result for past in past_of(path)] == [RESULT]


def strange(number: int, rest: bytes) -> bytes:
    """A line with an operation and a target, and `rest`."""
    return b'{"operation": "%032x", "target": "A", %s}' % (number, rest)


GARBAGE = [
    b"\0" * 4096, b"\xff\xfe", b"[]", b"5", b"null", b'"text"', b"{}", b"[" * 100_000, b"1e999",
    b'{"operation": 5}', b'{"operation": "xyz", "target": "A"}', b'{"operation": "00", "target": "A"}',
    strange(1000, b'"code": "NEVER_HEARD"'),
    strange(1001, b'"code": []'),
    strange(1002, b'"code": "STILL_ON", "readings": [[1]], "power_commands": 5'),
    strange(1003, b'"code": "STILL_ON", "readings": [], "power_commands": [], "bmc_guid": "", "cipher_suite": Infinity, '
                  b'"detail": "", "back_on": false'),
]  # fmt: skip


@pytest.mark.parametrize("line", GARBAGE, ids=range(len(GARBAGE)))
def test_lines_that_are_not_ours(path: Path, line: bytes) -> None:
    record, _ = opened(path)
    record.intend(an_intent(1))
    record.conclude(an_intent(1).operation, RESULT)
    record.close()
    path.write_bytes(line + b"\n" + path.read_bytes() + line)
    past = past_of(path)
    assert [reset.result for reset in past if reset.target == "PSERVER1"] == [RESULT]
    assert all(reset.result.code is ResultCode.INTERRUPTED for reset in past if reset.target != "PSERVER1")


def test_only_for_the_owner(path: Path) -> None:
    old = os.umask(0)
    try:
        record, _ = opened(path)
        record.intend(an_intent(1))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.unlink()
        record.intend(an_intent(2))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        path.chmod(0o644)
        record.close()
        past_of(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(old)


@pytest.mark.usefixtures("instant_disk")
def test_it_does_not_grow_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_module, "MOST_LINES", 20)
    record, _ = opened(path)
    for number in range(50):
        record.intend(an_intent(number))
        record.conclude(an_intent(number).operation, RESULT)
    record.close()
    past = past_of(path)
    assert [reset.target for reset in past] == [f"PSERVER{number}" for number in range(40, 50)]
    assert all(reset.result == RESULT for reset in past)
    assert len(path.read_text().splitlines()) == 20


def test_a_write_is_on_the_disk_when_it_returns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    record, _ = opened(path)
    really_write, really_sync = os.write, os.fdatasync

    def write(descriptor: int, data: bytes) -> int:
        calls.append("write")
        return really_write(descriptor, data)

    def sync(descriptor: int) -> None:
        calls.append("sync")
        really_sync(descriptor)

    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(os, "fdatasync", sync)
    record.intend(an_intent(1))
    record.conclude(an_intent(1).operation, RESULT)
    record.close()
    assert calls == ["write", "sync"] * 2


def test_a_disk_that_takes_half_a_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record, _ = opened(path)
    record.intend(an_intent(1))
    really_write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: really_write(descriptor, data[: len(data) // 2]))
    with pytest.raises(OSError, match="No space left"):
        record.intend(an_intent(2))
    monkeypatch.setattr(os, "write", really_write)
    record.conclude(an_intent(1).operation, RESULT)
    record.close()
    assert all(json.loads(line) for line in path.read_text().splitlines())
    assert [(past.target, past.result) for past in past_of(path)] == [("PSERVER1", RESULT)]


def test_no_directory_to_write_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"Not a directory|File exists"):
        Record(tmp_path / "file" / "record").open()


def test_a_second_connector_does_not_interrupt_the_first_one(path: Path) -> None:
    record, _ = opened(path)
    record.intend(an_intent(1))
    with pytest.raises(OSError, match="another connector runs here"):
        Record(path).open()
    record.conclude(an_intent(1).operation, RESULT)
    record.close()
    assert [past.result for past in past_of(path)] == [RESULT]


texts = st.text(max_size=80).filter(lambda text: not any(0xD800 <= ord(character) < 0xE000 for character in text))
finite = st.floats(0, 1e6, allow_nan=False)
results = st.builds(
    ResetResult,
    st.sampled_from(ResultCode),
    st.booleans(),
    st.builds(
        Evidence,
        st.lists(st.builds(Reading, finite, st.booleans()), max_size=20).map(tuple),
        st.binary(max_size=16),
        st.integers(0, 255),
        st.lists(texts, max_size=4).map(tuple),
        texts,
    ),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(results, texts, st.lists(texts, max_size=2)), max_size=4))
def test_what_goes_in_comes_out(histories: list[tuple[ResetResult, str, list[str]]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        record, _ = opened(Path(directory) / "record")
        for number, (result, text, tickets) in enumerate(histories):
            intent = Intent(f"{number:032x}", text, text, text, 1.5, text, text, text)
            record.intend(intent)
            for ticket in tickets:
                record.join(intent.operation, ticket, "setup admin")
            record.conclude(intent.operation, result)
        record.close()
        expected = [
            Past(number.to_bytes(16), text, (text, *tickets), result, False)
            for number, (result, text, tickets) in enumerate(histories)
        ]
        assert past_of(Path(directory) / "record") == expected


# ── shortened while it is in use ──────────────────────────────────────────────


@pytest.mark.usefixtures("instant_disk")
def test_it_is_shortened_while_it_is_in_use_and_what_runs_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_module, "MOST_LINES", 20)
    record, _ = opened(path)
    record.intend(an_intent(1000))
    record.join(an_intent(1000).operation, "joined:1", "setup admin")
    longest = 0
    for number in range(200):
        record.intend(an_intent(number))
        record.conclude(an_intent(number).operation, RESULT)
        record.tidy()
        longest = max(longest, len(path.read_text().splitlines()))
    assert longest <= 20 * 1.25 + 4
    targets = [past.target for past in past_of_copy(path)]
    assert targets[0] == "PSERVER1000", "begun long ago, and without a result yet"
    assert targets[-1] == "PSERVER199"
    record.conclude(an_intent(1000).operation, RESULT)
    record.close()
    assert not any(past.was_cut_short for past in past_of(path))


@pytest.mark.usefixtures("instant_disk")
def test_its_size_is_bounded_as_well(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_module, "MOST_BYTES", 10_000)
    record, _ = opened(path)
    long = Evidence(tuple(Reading(number / 5, True) for number in range(3000)), detail="x" * 200)
    for number in range(30):
        record.intend(an_intent(number))
        record.conclude(an_intent(number).operation, ResetResult(ResultCode.STILL_ON, evidence=long))
        record.tidy()
        assert path.stat().st_size <= 12_500 + 5_000
    record.close()
    past = past_of(path)
    assert past[-1].target == "PSERVER29"
    kept = past[-1].result.evidence.readings
    assert len(kept) == 200
    assert (kept[0].after, kept[-1].after) == (0.0, 2999 / 5), "the middle is left out"


def past_of_copy(path: Path) -> list[Past]:
    """As a new life would find it now, without ending this one."""
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    return past_of(copy)


def test_a_tidy_record_is_left_alone(path: Path) -> None:
    record, _ = opened(path)
    record.intend(an_intent(1))
    before = path.stat().st_ino
    record.tidy()
    assert path.stat().st_ino == before


class Hanging:
    """Holds up whoever reads the record, until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, record: Record) -> None:
        self.has_begun, self.may_end = threading.Event(), threading.Event()
        self.read = record._read
        monkeypatch.setattr(record, "_read", self)

    def __call__(self) -> object:
        self.has_begun.set()
        assert self.may_end.wait(20)
        return self.read()


def test_an_opening_that_hung_ends_late_and_harms_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Meanwhile there are resets of this life: neither lost, nor taken for interrupted ones of the former."""
    record, _ = opened(path)
    record.intend(an_intent(1))
    record.close()
    record = Record(path)
    disk = Hanging(monkeypatch, record)
    with ThreadPoolExecutor() as threads:
        opening = threads.submit(record.open)
        assert disk.has_begun.wait(20)
        intending = threads.submit(record.intend, an_intent(2))
        with pytest.raises(TimeoutError):
            intending.result(0.2)
        disk.may_end.set()
        assert [past.target for past in opening.result(20)] == ["PSERVER1"]
        intending.result(20)
    record.conclude(an_intent(2).operation, RESULT)
    record.close()
    results = {past.target: past.result.code for past in past_of(path)}
    assert results == {"PSERVER1": ResultCode.INTERRUPTED, "PSERVER2": RESULT.code}


def test_an_opening_that_ends_after_the_end_keeps_nobody_out(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Record(path)
    entered, may_claim, claim = threading.Event(), threading.Event(), record_module._claim

    def slow_claim(lock: Path) -> int:
        entered.set()
        assert may_claim.wait(20)
        return claim(lock)

    monkeypatch.setattr(record_module, "_claim", slow_claim)
    with ThreadPoolExecutor() as threads:
        opening = threads.submit(record.open)
        assert entered.wait(20)
        record.close()
        may_claim.set()
        with pytest.raises(OSError, match="closed"):
            opening.result(20)
    assert past_of(path) == []
