"""A quick sample of the hostile flood (`tools/soak`): resets and path checks go on under 10 000 datagrams a second."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from tools.soak import flood, processes

pytestmark = pytest.mark.whole
RATE, SEED = 10_000.0, 1


def test_under_a_flood_resets_succeed_and_path_checks_are_answered(tmp_path: Path) -> None:
    told = trio.run(processes.flood, tmp_path, 4.0, SEED, print, RATE)
    assert told.wrong == []
    assert set(told.sent) == {"wrong magic", "wrong tag", "replay", "one byte", "65507 bytes"}
    assert told.lost.total() == 0, "path checks"
    assert all(code.endswith(("CONFIRMED", "OFF")) for code in told.flooded.codes), told.flooded.codes
    first, *_, last = told.footprints
    assert last["descriptors"] <= first["descriptors"] + 8, "a few sessions come and go"
    assert last["rss"] < 1.5 * first["rss"]


def test_each_kind_of_the_flood_is_what_its_name_says() -> None:
    captured = [b"HAC1" + bytes(200)]
    made = {name: make() for name, make in flood.kinds(captured, processes.chance("kinds")).items()}
    assert made["replay"] == captured[0]
    assert made["wrong magic"][:4] != b"HAC1"
    assert made["wrong magic"][4:] == captured[0][4:]
    assert sum((one ^ other).bit_count() for one, other in zip(made["wrong tag"], captured[0], strict=True)) == 1
    assert (len(made["one byte"]), len(made["65507 bytes"])) == (1, 65507)
