"""What a simulated BMC does with the commands of its event log (IPMI 2.0, chapter 31)."""

from __future__ import annotations

from ipmi_lan.command import Empty
from ipmi_lan.commands.sel import (
    ADD_SEL_ENTRY,
    CLEAR_SEL,
    GET_SEL_ENTRY,
    GET_SEL_INFO,
    GET_SEL_TIME,
    RECORD_SIZE,
    RESERVE_SEL,
    SET_SEL_TIME,
    ErasureProgress,
    SelAdded,
    SelEntry,
    SelEntryQuery,
    SelErasure,
    SelInfo,
    SelRecord,
    SelReservation,
    SelTime,
)
from ipmi_lan.simulator.table import Refused, Scene, answers
from ipmi_lan.wire.codes import CompletionCode, Privilege

_VERSION, _WHOLE, _MOST_FREE = 0x51, 0xFF, 0xFFFF
_CLEAR, _START, _STATUS = b"CLR", 0xAA, 0x00
_ERASING = 0x81   # completion code of 31.5


@answers(GET_SEL_INFO, Privilege.USER)
def _info(scene: Scene, asked: Empty) -> SelInfo:
    log, faults = scene.board.log, scene.board.faults.sel
    entries = len(log.entries) if faults.claims_entries is None else faults.claims_entries
    return SelInfo(
        _VERSION, entries, min(log.free_octets, _MOST_FREE), log.last_added, log.last_erased, log.is_overflowed,
        takes_reservation=True,
    )  # fmt: skip


@answers(RESERVE_SEL, Privilege.USER)
def _reserve(scene: Scene, asked: Empty) -> SelReservation:
    return SelReservation(scene.board.log.reserve())


@answers(GET_SEL_ENTRY, Privilege.USER)
def _entry(scene: Scene, asked: SelEntryQuery) -> SelEntry:
    log, faults = scene.board.log, scene.board.faults.sel
    _check_not_erasing(scene)
    if asked.reservation and not log.holds(asked.reservation):
        raise Refused(CompletionCode.RESERVATION_CANCELED)
    if asked.offset or asked.octets not in {_WHOLE, RECORD_SIZE}:
        raise Refused(CompletionCode.CANNOT_RETURN_THAT_MANY)
    if (found := log.find(asked.record_id)) is None:
        raise Refused(CompletionCode.NOT_PRESENT)
    entry, next_id = found
    if faults.next_ids_are_0 > 0:
        faults.next_ids_are_0 -= 1
        next_id = 0
    elif faults.never_ends and entry is log.entries[-1]:
        next_id = log.entries[0].record_id
    return SelEntry(next_id, entry.record)


@answers(ADD_SEL_ENTRY, Privilege.OPERATOR)
def _add(scene: Scene, asked: SelRecord) -> SelAdded:
    _check_not_erasing(scene)
    if (record_id := scene.board.log.add(asked.record, scene.now)) is None:
        raise Refused(CompletionCode.OUT_OF_SPACE)
    return SelAdded(record_id)


@answers(CLEAR_SEL, Privilege.OPERATOR)
def _clear(scene: Scene, asked: SelErasure) -> ErasureProgress:
    board = scene.board
    if asked.word != _CLEAR or asked.action not in {_START, _STATUS}:
        raise Refused(CompletionCode.INVALID_DATA_FIELD)
    if asked.action == _STATUS:
        return ErasureProgress(not _is_erasing(scene))
    if not board.log.holds(asked.reservation):
        raise Refused(CompletionCode.RESERVATION_CANCELED)
    board.log.clear(scene.now)
    board.erasing_until = scene.now + board.faults.sel.erase_time
    return ErasureProgress(not _is_erasing(scene))


def _is_erasing(scene: Scene) -> bool:
    return scene.now < scene.board.erasing_until


def _check_not_erasing(scene: Scene) -> None:
    if _is_erasing(scene):
        raise Refused(_ERASING)


@answers(GET_SEL_TIME, Privilege.USER)
def _time(scene: Scene, asked: Empty) -> SelTime:
    return SelTime(scene.board.log.time(scene.now))


@answers(SET_SEL_TIME, Privilege.OPERATOR)
def _set_time(scene: Scene, asked: SelTime) -> Empty:
    scene.board.log.set_time(asked.timestamp, scene.now)
    return Empty()
