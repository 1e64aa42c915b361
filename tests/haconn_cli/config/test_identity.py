from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn_cli.config.identity import BadIdentity, Identity

GUIDS = st.binary(min_size=16, max_size=16).filter(lambda value: len(set(value)) > 1)
MACS = st.binary(min_size=6, max_size=6).filter(lambda value: len(set(value)) > 1)


@given(GUIDS.map(lambda value: Identity("guid", value)) | MACS.map(lambda value: Identity("mac", value)))
def test_what_is_printed_is_read_again(identity: Identity) -> None:
    assert Identity.parse(str(identity)) == identity
    assert Identity.parse(str(identity).upper().replace("GUID", "guid").replace("MAC", "mac")) == identity


def test_how_it_looks() -> None:
    guid = bytes.fromhex("00112233445566778899aabbccddeeff")
    assert str(Identity("guid", guid)) == "guid 00112233445566778899aabbccddeeff"
    assert str(Identity("mac", bytes.fromhex("0a1b2c3d4e5f"))) == "mac 0a:1b:2c:3d:4e:5f"
    assert Identity.parse("guid 00112233-4455-6677-8899-AABBCCDDEEFF") == Identity("guid", guid)


@pytest.mark.parametrize(
    "text",
    [
        *("", "guid", "guid ", "mac", "0a:1b:2c:3d:4e:5f", "mac 0a1b2c3d4e5f", "mac 0a-1b-2c-3d-4e-5f", "mac 0a:1b:2c:3d:4e"),
        *("GUID " + "1" * 32, "guid  " + "1" * 32, "guid " + "1" * 31, "guid " + "1" * 33, "guid " + "1-" * 32),
        *("guid " + "0" * 32, "guid " + "f" * 32, "mac 00:00:00:00:00:00", "mac ff:ff:ff:ff:ff:ff", "mac 0a:1b:2c:3d:4e:5f\n"),
        *("guid 0011:2233445566778899aabbccddeeff", "guid " + "\u0661" * 32, "uuid " + "1" * 32),
    ],
)
def test_what_is_none_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(BadIdentity, match="must be 'guid' and 32 hexadecimal digits") as caught:
        Identity.parse(text)
    assert "\n" not in str(caught.value)


@given(st.text())
def test_any_text_is_an_identity_or_refused(text: str) -> None:
    for each in (text, f"guid {text}", f"mac {text}"):
        with suppress(BadIdentity):
            identity = Identity.parse(each)
            assert Identity.parse(str(identity)) == identity
