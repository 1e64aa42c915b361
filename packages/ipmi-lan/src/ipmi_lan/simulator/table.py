"""The table of commands that a simulated BMC knows, and what becomes of a request: one row, one function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ipmi_lan.command import Definition
from ipmi_lan.errors import Malformed
from ipmi_lan.simulator.addressing import readdress
from ipmi_lan.simulator.board import Board
from ipmi_lan.simulator.sessions import Session
from ipmi_lan.wire.codes import CompletionCode, Privilege
from ipmi_lan.wire.message import BMC_ADDRESS, CONSOLE_ADDRESS, Request, Response, build_response

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


class Refused(Exception):  # noqa: N818 - named for the fact
    """The command is answered with `code`, another completion code than 00h."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Unanswered(Exception):  # noqa: N818
    """The command was taken, and no answer goes out."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a command finds itself."""

    board: Board
    now: float
    session: Session | None
    request: Request
    is_proven: bool = True
    """False: it came without a code into a session of IPMI 1.5 that lets users' commands in so."""
    came_in_15: bool = False
    """In IPMI 1.5 framing."""
    later: list[bytes] = field(default_factory=list)
    """Messages that go out behind the answer."""

    @property
    def own(self) -> Session:
        """The session that the command came in; what has a privilege in the table always has one."""
        assert self.session is not None
        return self.session

    @property
    def privilege(self) -> int:
        """What the console may do here; 0 outside a session."""
        if self.session is None:
            return 0
        return self.session.privilege if self.is_proven else min(self.session.privilege, Privilege.USER)


@dataclass(frozen=True, slots=True)
class _Row:
    definition: Definition[Any, Any]
    privilege: Privilege | None
    do: Callable[[Scene, Any], Any]


_ROWS: dict[tuple[int, int], _Row] = {}


def answers(
    definition: Definition[Asked, Answered], privilege: Privilege | None
) -> Callable[[Callable[[Scene, Asked], Answered]], Callable[[Scene, Asked], Answered]]:
    """Put a function into the table; `privilege` None lets the command in without a session (appendix G)."""

    def enter(do: Callable[[Scene, Asked], Answered]) -> Callable[[Scene, Asked], Answered]:
        _ROWS[definition.netfn, definition.code] = _Row(definition, privilege, do)
        return do

    return enter


def answer_command_untrusted(scene: Scene) -> list[bytes]:
    """Do what the request asks; the messages to send back, none where a fault swallows the answer."""
    try:
        code, data = int(CompletionCode.OK), _do(scene)
    except Refused as refused:
        code, data = refused.code, b""
    except Unanswered:
        return []
    faults = scene.board.faults.session
    if scene.session is not None and faults.says_duplicate_first > 0:
        faults.says_duplicate_first -= 1
        return [build_answer(scene.request, CompletionCode.DUPLICATED_REQUEST), build_answer(scene.request, code, data)]
    return [build_answer(scene.request, code, data), *scene.later]


def build_answer(request: Request, code: int, data: bytes = b"") -> bytes:
    """The BMC's answer to `request`, to whom it came from."""
    message = build_response(Response(request.netfn, request.command, request.sequence, code, data))
    return message if request.sender == CONSOLE_ADDRESS else readdress(message, request.sender, BMC_ADDRESS)


def _do(scene: Scene) -> bytes:
    request, faults = scene.request, scene.board.faults
    row = _ROWS.get((request.netfn, request.command))
    needed = Privilege.USER if row is None else row.privilege
    if needed is not None and scene.privilege < needed:
        raise Refused(CompletionCode.INSUFFICIENT_PRIVILEGE)
    forced = faults.codes.get((request.netfn, request.command))
    if forced is None and scene.session is not None and faults.session.next_codes:
        forced = faults.session.next_codes.pop(0)
    if forced:
        raise Refused(forced)
    if row is None:
        raise Refused(CompletionCode.INVALID_COMMAND)
    asked = _asked_untrusted(row.definition, request.data)
    data = row.definition.reply.build(row.do(scene, asked))
    return data if scene.session is None else data + faults.session.longer_data


def _asked_untrusted(definition: Definition[Asked, Any], data: bytes) -> Asked:
    try:
        asked = definition.request.parse_untrusted(data)
    except Malformed:
        raise Refused(CompletionCode.WRONG_LENGTH) from None
    if len(definition.request.build(asked)) != len(data):
        raise Refused(CompletionCode.WRONG_LENGTH)
    return asked
