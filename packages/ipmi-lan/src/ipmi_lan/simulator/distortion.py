"""What faults make of replies that were right: of the messages of a login, of answers to commands, and of whole packets."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from ipmi_lan.crypto.suites import Confidentiality, Integrity
from ipmi_lan.simulator.addressing import readdress
from ipmi_lan.simulator.faults import CodeForm, LoginFaults, ProbeFaults, SessionFaults
from ipmi_lan.simulator.sessions import Session
from ipmi_lan.wire.codes import PayloadType
from ipmi_lan.wire.packet import HEADER_SIZE, NEXT_HEADER, RMCP_SIZE, Packet, build_packet
from ipmi_lan.wire.rmcp import ASF_IANA, build_pong

_STRAY_TRAILER = b"\xff\xff\x02" + bytes((NEXT_HEADER,)) + bytes(12)
_BLOCK, _LENGTH_AT, _KEY_SIZE = 16, HEADER_SIZE - 2, 20


def build_probe_pong(faults: ProbeFaults, tag: int) -> bytes | None:
    """The answer to a presence ping, or None."""
    if faults.no_pong:
        return None
    pong, iana = build_pong(tag), ASF_IANA.to_bytes(4, "big")
    return pong.replace(iana, iana[::-1]) if faults.pong_is_little_endian else pong


def distort_rakp_2_code(form: CodeForm, code: bytes) -> bytes:
    """The code of RAKP 2 in `form`."""
    match form:
        case CodeForm.LONG:
            return code + b"\0"
        case CodeForm.SHORT:
            return code[:-1]
        case CodeForm.ZERO:
            return bytes(len(code))
    return code


def build_login_reply(faults: LoginFaults, reply: Packet) -> bytes:
    """The datagram of a reply in a login."""
    payload = bytearray(reply.payload)
    is_error = payload[1] != 0
    if is_error and faults.errors_are_anonymous:
        payload[0], payload[4:8] = 0, bytes(4)
    if is_error and reply.payload_type == PayloadType.OPEN_SESSION_RESPONSE:
        size = faults.error_size
        payload = bytearray(payload[1:2]) if size == 1 else payload.ljust(size, b"\0")[:size]
    elif not is_error and reply.payload_type in {PayloadType.RAKP_2, PayloadType.RAKP_4}:
        payload[2] = faults.reserved
    datagram = build_packet(reply._replace(payload=bytes(payload)))
    return datagram + _STRAY_TRAILER if is_error and faults.errors_have_a_trailer else datagram


def distort_message(faults: SessionFaults, message: bytes) -> bytes:
    """A LAN message with the addresses and checksums that this BMC writes."""
    if faults.addresses is not None:
        message = readdress(message, *faults.addresses)
    if not faults.wrong_checksums:
        return message
    return message[:2] + bytes((message[2] ^ 0xFF,)) + message[3:-1] + bytes((message[-1] ^ 0xFF,))


def is_padded_as_told(session: Session, datagram: bytes) -> bool:
    """Whether the pad of an authentic packet counts header and payload only."""
    if not session.suite.is_authenticated:
        return True
    declared = int.from_bytes(datagram[_LENGTH_AT:HEADER_SIZE], "little")
    return datagram[-session.suite.code_size - 2] == -(HEADER_SIZE - RMCP_SIZE + declared) % 4


def seal_oddly(
    faults: SessionFaults, session: Session, sequence: int, payload: bytes, randomness: Callable[[int], bytes]
) -> bytes:
    """A packet of `session` with the pads that this BMC writes, else as it should be."""
    assert session.sealing is not None
    is_aes = session.suite.confidentiality is Confidentiality.AES_CBC_128
    whole_block = faults.pads_whole_blocks and is_aes and (len(payload) + 1) % _BLOCK == 0
    if whole_block:
        payload += bytes(range(1, _BLOCK + 1)) + bytes((_BLOCK,))
    datagram = session.sealing.seal(sequence, payload, randomness)
    declared = int.from_bytes(datagram[_LENGTH_AT:HEADER_SIZE], "little")
    # In CBC the last block may be cut off: what is left is the encryption of the blocks before it.
    body = datagram[HEADER_SIZE : HEADER_SIZE + declared - (_BLOCK if whole_block else 0)]
    head = datagram[:_LENGTH_AT] + len(body).to_bytes(2, "little")
    if not session.suite.is_authenticated:
        return head + body
    pad = -(len(head) + len(body) - RMCP_SIZE + (0 if faults.pads_short else 2)) % 4
    pad = 4 if pad == 0 and faults.pads_4_for_0 else pad
    signed = head + body + bytes((faults.pad_octet,)) * pad + bytes((pad, NEXT_HEADER))
    return signed + _packet_code(session, signed[RMCP_SIZE:])


def _packet_code(session: Session, signed: bytes) -> bytes:
    """The code of a packet (13.28.4), made a second time beside `crypto`, for that makes no odd trailers."""
    assert session.keys is not None
    integrity, key = session.suite.integrity, session.keys.k1
    if integrity is Integrity.MD5_128:
        password = session.password.ljust(_KEY_SIZE, b"\0")
        return hashlib.md5(password + signed + password, usedforsecurity=False).digest()
    name = {Integrity.HMAC_SHA1_96: "sha1", Integrity.HMAC_MD5_128: "md5"}.get(integrity, "sha256")
    return hmac.digest(key, signed, name)[: session.suite.code_size]
