from __future__ import annotations

from collections.abc import Iterator

import pytest

from ipmi_lan.crypto.md2 import _PI, md2

KNOWN = {
    b"": "8350e5a3e24c153df2275c9f80692773",
    b"a": "32ec01ec4a6dac72c0ab96fb34c0b5d1",
    b"abc": "da853b0d3f88d99b30283a69e6ded6bb",
    b"message digest": "ab4f496bfb2a530b219ff33031fe06b0",
    b"abcdefghijklmnopqrstuvwxyz": "4e8ddff3650292ab5a4108c3aa47940b",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789": "da33def2a42df13975352846c30338cd",
    b"1234567890" * 8: "d5976f79d83d3a0dc9806c3c66f3efd8",
}


@pytest.mark.parametrize("text", KNOWN)
def test_the_test_suite_of_rfc_1319(text: bytes) -> None:
    assert md2(text).hex() == KNOWN[text]


@pytest.mark.parametrize("size", [15, 16, 17, 31, 32, 33])
def test_every_octet_counts_around_the_ends_of_blocks(size: int) -> None:
    text = bytes(range(size))
    digests = {md2(text), md2(text + b"\0"), md2(text[:-1])} | {
        md2(text[:place] + bytes((text[place] ^ 1,)) + text[place + 1 :]) for place in range(size)
    }
    assert len(digests) == size + 3


def digits_of_pi() -> Iterator[int]:
    q, r, t, k, n, step = 1, 0, 1, 1, 3, 3
    while True:
        if 4 * q + r - t < n * t:
            yield n
            q, r, n = 10 * q, 10 * (r - n * t), 10 * (3 * q + r) // t - 10 * n
        else:
            q, r, t, k, n, step = q * k, (2 * q + r) * step, t * step, k + 1, (q * (7 * k + 2) + r * step) // (t * step), step + 2


def test_the_table_comes_of_the_digits_of_pi() -> None:
    """A shuffle of 0 to 255 whose choices are drawn from the digits: as the table of RFC 1319 was made."""
    digits = digits_of_pi()

    def below(limit: int) -> int:
        while True:
            places = len(str(limit - 1))
            drawn = int("".join(str(next(digits)) for _ in range(places)))
            if drawn < limit * (10**places // limit):
                return drawn % limit

    table = list(range(256))
    for size in range(2, 257):
        other = below(size)
        table[other], table[size - 1] = table[size - 1], table[other]
    assert bytes(table) == _PI
