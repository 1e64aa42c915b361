"""docs/states/README.md: every machine that is a table in the code, drawn from that table (`make states`).

The drawings are Mermaid blocks, which code hosts show as pictures and which need no program here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from textwrap import fill

from ipmi_lan.session.activation import Activation
from ipmi_lan.session.attempt import Attempt
from ipmi_lan.session.states import ACTIVATION, HANDSHAKE, PHASES, Move, Phase, State, State15
from ipmi_lan.simulator import login as simulated
from ipmi_lan.simulator.sessions import State as SlotState
from ipmi_lan.wire.codes import PayloadType

PAGE = Path(__file__).resolve().parents[1] / "docs/states/README.md"
_WIDTH = 130

_HEAD = """\
# State machines

Drawn by `make states` from the tables in the code, and compared with them by `tests/tools/test_draw_states.py`. A message for
which a table has no row is counted and dropped, or answered with an error, and changes nothing.
"""


@dataclass(frozen=True, slots=True)
class Arrow:
    """One row of a table: from a state by an event to one of several others."""

    source: str
    event: str
    targets: tuple[str, ...]
    doing: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """What a section shows."""

    title: str
    about: str
    first: str
    arrows: tuple[Arrow, ...]


def machines() -> list[Machine]:
    """Every one."""
    return [_handshake(), _activation(), _phases(), _simulated_login()]


def _handshake() -> Machine:
    about = """One handshake of RMCP+ (`ipmi_lan.session.attempt`, table `HANDSHAKE` of `ipmi_lan.session.states`). Each
        message is sent once, and each state is named for what it awaits. To FAILED leads an error status that is
        marked as ours, or a proof that does not hold. After silence another handshake is begun beside this one; an
        answer that is not to it leads nowhere."""
    arrows = tuple(_arrow(state, _payload(kind), move, Attempt) for (state, kind), move in HANDSHAKE.items())
    return Machine("The handshake of RMCP+", about, State.AWAIT_OPEN_SESSION_RESPONSE.name, arrows)


def _activation() -> Machine:
    about = """A login of IPMI 1.5 (`ipmi_lan.session.activation`, table `ACTIVATION`), by explicit choice only. What comes
        are the answers to these commands; after silence it begins anew with the first."""
    arrows = tuple(_arrow(state, command, move, Activation) for (state, command), move in ACTIVATION.items())
    return Machine("The activation of IPMI 1.5", about, State15.AWAIT_CAPABILITIES.name, arrows)


def _phases() -> Machine:
    about = """A session from its first login to its end (`ipmi_lan.session.session`, table `PHASES`). A login
        gives the least privilege; RAISING asks the BMC for the one that the caller wants (Set Session Privilege Level), and
        where the BMC refuses, the caller is told, and closes the session, which is open all the same.
        WENT_SILENT: several commands in a row without an answer. A session that is LOST logs in again (WANTED_AGAIN)
        for the next command that may be repeated. CLOSE_ASKED is the caller's wish, CLOSE_DONE the BMC's answer to Close
        Session, which nobody waits long for; ENDED is the end of the client itself, whatever was under way."""
    arrows = tuple(Arrow(phase.name, happening.name, (to.name,)) for (phase, happening), to in PHASES.items())
    return Machine("The phases of a session", about, Phase.LOGGING_IN.name, arrows)


def _simulated_login() -> Machine:
    about = """A session at the simulated BMC (`ipmi_lan.simulator.login`). It begins with Open Session. A RAKP 1
        that is repeated is answered again. A login that fails, at RAKP 1 or at RAKP 3, is answered with an error status
        and its session is gone, as it is after Close Session or a time-out: those ends have no arrow."""
    arrows = tuple(Arrow(state.name, _payload(kind), (to.name,)) for (state, kind), to in simulated._TRANSITIONS.items())
    return Machine("The simulated BMC's side of a login", about, SlotState.AWAIT_RAKP_1.name, arrows)


def _arrow(state: Enum, event: str, move: Move, machine: type) -> Arrow:
    doing = (getattr(machine, move.handler).__doc__ or "").strip().partition("\n")[0]
    return Arrow(state.name, event, tuple(to.name for to in move.to), f"`{move.handler}`: {doing}")


def _payload(kind: int) -> str:
    return PayloadType(kind).name


def render(all_machines: Iterable[Machine]) -> str:
    """The whole page."""
    return "\n".join([_HEAD, *("\n".join(_section(machine)) + "\n" for machine in all_machines)]).rstrip() + "\n"


def _section(machine: Machine) -> Iterator[str]:
    about = fill(" ".join(machine.about.split()), _WIDTH)
    yield from (f"## {machine.title}", "", about, "", "```mermaid", *_diagram(machine), "```", "")
    has_doing = any(arrow.doing for arrow in machine.arrows)
    yield "| in | when there comes | it goes to |" + (" by |" if has_doing else "")
    yield "| --- | --- | --- |" + (" --- |" if has_doing else "")
    for arrow in machine.arrows:
        yield f"| {arrow.source} | {arrow.event} | {', '.join(arrow.targets)} |" + (f" {arrow.doing} |" if has_doing else "")


def _diagram(machine: Machine) -> Iterator[str]:
    yield "stateDiagram-v2"
    yield f"    [*] --> {machine.first}"
    labels: dict[tuple[str, str], list[str]] = {}
    for arrow in machine.arrows:
        for target in arrow.targets:
            labels.setdefault((arrow.source, target), []).append(arrow.event)
    for (source, target), events in labels.items():
        yield f"    {source} --> {target}: {', '.join(events)}"
    leaving = {source for source, target in labels if source != target}
    for last in dict.fromkeys(target for _, target in labels if target not in leaving):
        yield f"    {last} --> [*]"


def main() -> int:
    """Write the page."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(render(machines()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
