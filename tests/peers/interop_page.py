"""docs/interop.md out of cells and versions."""

from __future__ import annotations

from collections.abc import Mapping

from tests.peers.interop import CASES, Cell, Verdict

Columns = Mapping[str, Mapping[str, Cell]]

_HEAD = """# Interoperability

Our client against servers of somebody else, and clients of somebody else against our simulator. Each cell is one login with a
reading of the power state or the device id, run by `make interop`, which writes this page; `make test` runs all of it again, and
a cell that changes, for better or worse, fails there, once it has been run again, alone and with more patience. (Not run is
only what cannot be asked for: five programs have no way to be told that a user is to be found by name and privilege.) In each
row the simulator offers nothing but that row's way of logging in, and our client nothing else either, so that a pass is a pass
of that suite. FreeIPMI's tools run without their workaround flags. The rows below IPMI 1.5 use suite 3, which every program
here has.

*pass*: logged in, read, logged out, and nothing had to be dropped but what comes of a late answer. *fails*: the program has
this and does it wrongly; the note says what, and what shows it. `tests/peers/test_interop_faults.py` holds that the mistakes
named are the whole cause: made on our side too, the same login works. *not spoken*: the program has no such thing.
"""
_SERVERS_END = """
No server that is to be had as a package speaks suites 15 to 19 or xRC4. There our client is held by logins recorded between
other programs (`tests/vectors`), and our simulator, which shares its layouts and keys, by the clients below. virtualbmc runs on
pyghmi's server; python-ipmi has none in its package. Tried once by hand, as it is to be had as source only: zipmi, commit
3a6c59bc, an implementation of its own. Its server and our client, and its client and our simulator, agree in all suites
but 1, 6 and 15, xRC4 among them; in those three it sends, and wants, a RAKP 4 without a code.
"""


def render(servers: Columns, clients: Columns, versions: Mapping[str, str]) -> str:
    """The whole page."""
    programs = "Programs: " + ", ".join(f"{name} {version}" for name, version in versions.items()) + ".\n"
    theirs, ours = _part("Our client against their servers", servers), _part("Their clients against our simulator", clients)
    return "\n".join((_HEAD, programs, theirs + _SERVERS_END, ours))


def _part(title: str, columns: Columns) -> str:
    notes = _notes(columns)
    return "\n".join((f"## {title}\n", _table(columns, notes), _list(columns, notes)))


def _notes(columns: Columns) -> dict[str, int]:
    """A number for each reason, in the order of the columns."""
    sentences = (_sentence(cell) for cells in columns.values() for cell in cells.values() if cell.reason)
    return {sentence: number for number, sentence in enumerate(dict.fromkeys(sentences), 1)}


def _sentence(cell: Cell) -> str:
    return cell.reason + (f"; seen: `` {cell.evidence} ``" if cell.evidence else "")


def _table(columns: Columns, notes: Mapping[str, int]) -> str:
    lines = ["| cipher suite, or what else | " + " | ".join(columns) + " |", "| --- |" + " --- |" * len(columns)]
    lines += [f"| {row} | " + " | ".join(_word(cells[row], notes) for cells in columns.values()) + " |" for row in CASES]
    return "\n".join(lines) + "\n"


def _word(cell: Cell, notes: Mapping[str, int]) -> str:
    word = f"**{cell.verdict.value}**" if cell.verdict is Verdict.FAILS else cell.verdict.value
    return f"{word} ({notes[_sentence(cell)]})" if cell.reason else word


def _list(columns: Columns, notes: Mapping[str, int]) -> str:
    """The notes, each with the names of its columns in front."""
    lines = []
    for sentence, number in notes.items():
        names = [name for name, cells in columns.items() if sentence in {_sentence(cell) for cell in cells.values()}]
        lines.append(f"{number}. {', '.join(names)}: {sentence}\n")
    return "".join(lines)
