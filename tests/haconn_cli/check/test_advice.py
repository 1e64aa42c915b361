from __future__ import annotations

from collections.abc import Iterator

from haconn_cli.check.advice import advice_for
from ipmi_lan import IpmiError, NoAnswer, WrongPassword


def kinds(kind: type[IpmiError]) -> Iterator[type[IpmiError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from kinds(below)


def test_every_error_has_some_advice() -> None:
    for kind in kinds(IpmiError):
        advice = advice_for(kind.__new__(kind))
        assert advice.isprintable()
        assert not advice.endswith(".")


def test_each_has_its_own() -> None:
    assert "UDP port 623" in advice_for(NoAnswer("Open Session Request", 3.0))
    assert "this password" in advice_for(WrongPassword("hitachi", "RAKP 2"))
    assert "newer firmware" in advice_for(IpmiError("odd"))
