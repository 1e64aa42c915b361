"""Doors are found wherever they stand."""

from __future__ import annotations

import ast

from tests.fuzz.doors import Entered, _named_so, doors

_SOURCE = """
def one_untrusted(): ...
class Kind:
    def two_untrusted(self): ...
    class Inner:
        async def three_untrusted(self): ...
if True:
    def four_untrusted():
        def five_untrusted(): ...
def six(): ...
"""


def test_functions_methods_and_functions_within() -> None:
    found = set(_named_so(ast.parse(_SOURCE)))
    assert found == {
        "one_untrusted", "Kind.two_untrusted", "Kind.Inner.three_untrusted", "four_untrusted",
        "four_untrusted.<locals>.five_untrusted",
    }  # fmt: skip


def test_names_are_those_that_a_running_function_has() -> None:
    from ipmi_lan.session.session import Session
    from ipmi_lan.wire.rmcp import parse_ping_untrusted, rmcp_class_untrusted

    with Entered() as entered:
        rmcp_class_untrusted(b"\x06\0\xff\x07")
    assert entered.doors == {"ipmi_lan.wire.rmcp: rmcp_class_untrusted"}
    known = doors()
    assert f"{Session.__module__}: {Session.receive_datagram_untrusted.__qualname__}" in known
    assert f"{parse_ping_untrusted.__module__}: {parse_ping_untrusted.__qualname__}" in known
