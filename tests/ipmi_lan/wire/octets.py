"""What a hostile or broken peer may send: any octets, and valid ones with something wrong."""

from __future__ import annotations

from hypothesis import strategies as st


def any_octets(longest: int = 200) -> st.SearchStrategy[bytes]:
    """Octets without any sense."""
    return st.binary(max_size=longest)


@st.composite
def damaged(draw: st.DrawFn, valid: st.SearchStrategy[bytes]) -> bytes:
    """Valid octets that were overwritten in places, then cut or lengthened."""
    octets = bytearray(draw(valid))
    for _ in range(draw(st.integers(0, 3))):
        if octets:
            octets[draw(st.integers(0, len(octets) - 1))] = draw(st.integers(0, 255))
    cut = draw(st.integers(0, len(octets)))
    return bytes(octets[:cut]) + draw(st.sampled_from((b"", bytes(octets[cut:]), b"\0", b"\xff" * 5)))


def hostile(valid: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Either of the two."""
    return any_octets() | damaged(valid)


octet = st.integers(0, 0xFF)
word = st.integers(0, 0xFFFFFFFF)
