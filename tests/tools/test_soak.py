"""The long fault runs where they can be wrong: what is counted as wrong, and what the page says of it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tools.soak import processes, virtual
from tools.soak.__main__ import MINUTES, SHARES
from tools.soak.page import Told, section, write
from tools.soak.processes import MIXES, Flooded, Kills
from tools.soak.site import Tally

INTENT = {"operation": "ab" * 16, "target": "PSERVER2", "ticket": "00:11"}
RESULT = {"operation": "ab" * 16, "code": "OFF_CONFIRMED"}


def everything() -> Told:
    tally = Tally(codes=Counter(OFF_CONFIRMED=30, UNREACHABLE=1), seconds=[0.6] * 29 + [4.0])
    prints = {"rss": 40960, "descriptors": 18, "threads": 4}
    checks = {"idle": [0.001] * 30, "flooded": [0.002] * 30}
    flooded = Flooded(tally, tally, checks, Counter(), {"one byte": 9}, 9e3, [prints, prints])
    races = {0.0: {"none dead": [], "one dead": list(range(40)), "both dead": []}}
    played, kills = virtual.Played(9, 50, 40, 30, 60), Kills(tally, 20, 5, [0.4])
    return Told(7, 3.0, played, races, {"loss 1 %": tally}, {"none": tally}, kills, flooded)


def test_all_of_it_is_on_the_page() -> None:
    text = section(everything())
    assert "**Wrong\nresults: 0.**" in text or "**Wrong results: 0.**" in text
    assert "| loss 1 % | 31 | 96.77 % | 0.600 s | 4.00 s | UNREACHABLE 1 |" in text
    assert "| 0% | 0 | 40 | 0 |" in text
    assert "20 times SIGKILL" in text
    assert "| flooded | 30 | 0 | 2.00 ms |" in text
    assert max(map(len, text.splitlines())) < 200


@pytest.mark.parametrize("part", ["histories", "singles", "weather", "kills", "flood"])
def test_whatever_is_wrong_anywhere_is_counted(part: str) -> None:
    told = everything()
    told.singles, told.weather, told.kills = {"a": Tally()}, {"b": Tally()}, Kills()
    assert told.histories is not None
    assert told.flood is not None
    lists = {
        "histories": told.histories.wrong, "singles": told.singles["a"].wrong, "weather": told.weather["b"].wrong,
        "kills": told.kills.tally.wrong, "flood": told.flood.wrong,
    }  # fmt: skip
    assert told.wrong == []
    lists[part].append("it said off")
    assert len(told.wrong) == 1
    assert "results: 1.**" in section(told)


def test_what_was_not_run_is_not_on_the_page_and_the_rest_of_the_page_stays(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text("# Benchmarks\n")
    write(page, Told(1, histories=virtual.Played(5)))
    write(page, Told(2, histories=virtual.Played(6)))
    text = page.read_text()
    assert text.startswith("# Benchmarks\n")
    assert "Histories" in text
    assert "seed 2" in text
    assert "seed 1" not in text
    assert "SIGKILL" not in text


def test_it_ends_in_time() -> None:
    assert sum(SHARES.values()) < 1.0
    assert MINUTES <= 28


def test_a_record_with_half_a_line(tmp_path: Path) -> None:
    record, wrong = tmp_path / "record", list[str]()
    record.write_text(json.dumps(INTENT) + '\n{"operation": "')
    assert processes._entries(record, wrong) == [INTENT]
    assert len(wrong) == 1
    assert processes._unfinished(record) == {"ab" * 16: "PSERVER2"}
    record.write_text(f"{json.dumps(INTENT)}\n{json.dumps(RESULT)}\n")
    assert processes._unfinished(record) == {}


def test_the_mixes_are_those_that_were_asked_for() -> None:
    losses = {faults.loss for faults in MIXES.values()}
    assert {0.01, 0.1, 0.3} <= losses
    for fault in ("duplication", "reorder", "delay", "corruption"):
        assert any(getattr(faults, fault) for faults in MIXES.values())
