"""Every door for bytes from outside: the functions whose names end in `_untrusted`, found in the source."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]

NOT_ENTERED = {
    "ipmi_lan.client: Client.receive_datagram_untrusted": "hands the datagram to the session as it is",
    "ipmi_lan.transport.endpoint: Receiver.receive_datagram_untrusted": "a protocol, without code",
    "ipmi_lan.session.entrance: Seals.unseal_untrusted": "a protocol, without code",
    "ipmi_lan.session.entrance: Entrance.receive_datagram_untrusted": "abstract; entered in Opening and Activation",
    "ipmi_lan.crypto.sealing: _Encryption.decrypt_untrusted": "a protocol, without code",
    "ipmi_lan.transport.endpoint: _Nobody.receive_datagram_untrusted": "looks at nothing",
}
"""Doors that no target enters, and why that is well."""


def doors() -> set[str]:
    """`module: qualified name` of each."""
    return {f"{module_of(file)}: {name}" for file in sources() for name in _named_so(ast.parse(file.read_text(encoding="utf-8")))}


def sources() -> Iterator[Path]:
    """Every module of the packages."""
    for top in sorted((ROOT / "packages").glob("*/src")):
        yield from sorted(top.rglob("*.py"))


def module_of(file: Path) -> str:
    """The module's whole name."""
    parts = file.with_suffix("").parts
    return ".".join(parts[parts.index("src") + 1 :]).removesuffix(".__init__")


def _named_so(tree: ast.AST, within: str = "") -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from _named_so(node, f"{within}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.endswith("_untrusted"):
                yield within + node.name
            yield from _named_so(node, f"{within}{node.name}.<locals>.")
        else:
            yield from _named_so(node, within)


class Entered:
    """A context in which the doors that are entered are noted."""

    def __init__(self) -> None:
        self._codes: set[CodeType] = set()

    @property
    def doors(self) -> set[str]:
        """`module: qualified name` of each door entered so far."""
        ours = [code for code in self._codes if "/packages/" in code.co_filename]
        return {f"{module_of(Path(code.co_filename))}: {code.co_qualname}" for code in ours}

    def __enter__(self) -> Self:
        codes = self._codes

        def note(frame: FrameType, event: str, argument: Any) -> None:
            if event == "call" and frame.f_code.co_name.endswith("_untrusted"):
                codes.add(frame.f_code)

        self._before: Callable[..., Any] | None = sys.getprofile()
        sys.setprofile(note)
        return self

    def __exit__(self, *error: object) -> None:
        sys.setprofile(self._before)
