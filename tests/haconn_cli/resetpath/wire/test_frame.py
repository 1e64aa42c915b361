"""The frame: its layout, and that any bytes give a frame or `Malformed`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn_cli.resetpath.wire import frame as f

FRAME = f.Frame(0x10, b"sssssss1", b"rrrrrrr2", b"eeeeeee3", 7, b"c" * 16, b"q" * 16, b"body", key_id=9, flags=1)

frames = st.builds(
    f.Frame,
    type=st.integers(0, 255),
    sender=st.binary(min_size=8, max_size=8),
    receiver=st.binary(min_size=8, max_size=8),
    epoch=st.binary(min_size=8, max_size=8),
    sequence=st.integers(0, 2**64 - 1),
    challenge=st.binary(min_size=16, max_size=16),
    request=st.binary(min_size=16, max_size=16),
    body=st.binary(max_size=f.LARGEST - f.SMALLEST),
    key_id=st.integers(0, 255),
    flags=st.integers(0, 255),
    version=st.integers(0, 255),
)


@given(frames)
def test_a_frame_comes_back_as_it_was(frame: f.Frame) -> None:
    assert f.parse_frame_untrusted(f.build_frame(frame) + bytes(f.TAG_SIZE)) == frame


@given(frames)
def test_the_fused_header_is_the_layout(frame: f.Frame) -> None:
    built = f.build_frame(frame)
    fields = f._HEADER.parse(built)
    assert f._HEADER.build(fields) == built[: f.HEADER_SIZE]
    assert (fields["sender"], fields["sequence"], fields["length"]) == (frame.sender, frame.sequence, len(built) + f.TAG_SIZE)


@given(st.binary(max_size=1300) | st.binary(max_size=1300).map(lambda rest: f.MAGIC + rest))
def test_any_bytes_give_a_frame_or_malformed(data: bytes) -> None:
    try:
        frame = f.parse_frame_untrusted(data)
    except f.Malformed:
        return
    assert data[:4] == f.MAGIC
    assert len(frame.body) == len(data) - f.SMALLEST


def test_the_header_is_80_bytes_in_the_places_of_the_specification() -> None:
    built = f.build_frame(FRAME)
    assert f.HEADER_SIZE == 80
    assert built[:8] == b"HAC1\x01\x10\x09\x01"
    assert built[8:10] == (80 + 4 + 32).to_bytes(2, "big")
    assert built[10:16] == bytes(6)
    assert built[16:40] == b"sssssss1rrrrrrr2eeeeeee3"
    assert built[40:48] == (7).to_bytes(8, "big")
    assert built[48:] == b"c" * 16 + b"q" * 16 + b"body"


@pytest.mark.parametrize("lie", [-1, 1, 1000])
def test_a_length_that_lies_is_malformed(lie: int) -> None:
    data = bytearray(f.build_frame(FRAME) + bytes(f.TAG_SIZE))
    data[8:10] = (len(data) + lie).to_bytes(2, "big")
    with pytest.raises(f.Malformed, match="length"):
        f.parse_frame_untrusted(bytes(data))


@pytest.mark.parametrize("size", [0, 1, f.SMALLEST - 1, f.LARGEST + 1, 65507])
def test_too_short_and_too_long_is_malformed(size: int) -> None:
    with pytest.raises(f.Malformed, match="size"):
        f.parse_frame_untrusted(f.MAGIC + bytes(size)[4:] if size > 4 else bytes(size))
