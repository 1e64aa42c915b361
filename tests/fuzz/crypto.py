"""The doors of `ipmi_lan.crypto`: nothing passes that a code of the standard library's own does not confirm."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, NamedTuple

from ipmi_lan.crypto.aes import Aes
from ipmi_lan.crypto.auth15 import Sealing15
from ipmi_lan.crypto.integrity import code_maker
from ipmi_lan.crypto.rakp import SessionKeys
from ipmi_lan.crypto.sealing import Sealing
from ipmi_lan.crypto.suites import SUITES, CipherSuite, Integrity
from ipmi_lan.crypto.xrc4 import KEY_SIZE_40, KEY_SIZE_128, Xrc4
from ipmi_lan.errors import Malformed, NotAuthentic
from ipmi_lan.wire.codes import AuthType, PayloadType
from ipmi_lan.wire.packet import AUTHENTICATED, ENCRYPTED, RMCP_SIZE, Packet, build_fields, parse_packet_untrusted
from ipmi_lan.wire.packet15 import parse_packet15_untrusted
from tests.fuzz import recorded
from tests.fuzz.finding import Tape, Target, expect, head_and_rest

_PASSWORD = b"sixteen octets.."
_NEAR, _FAR = 0x11223344, 0x55667788
_HASHES = {Integrity.HMAC_SHA1_96: "sha1", Integrity.HMAC_MD5_128: "md5", Integrity.HMAC_SHA256_128: "sha256"}


class _Ends(NamedTuple):
    """Both ends of one session."""

    suite: CipherSuite
    keys: SessionKeys
    near: Sealing
    far: Sealing

    @property
    def flags(self) -> int:
        """Of every packet of the session."""
        return (ENCRYPTED if self.suite.is_encrypted else 0) | (AUTHENTICATED if self.suite.is_authenticated else 0)


def _ends(suite: CipherSuite) -> _Ends:
    keys = SessionKeys(*(Tape(suite.id)(suite.digest_size or 20) for _ in range(3)))
    near = Sealing(suite, keys, _PASSWORD, outgoing_id=_FAR, incoming_id=_NEAR)
    return _Ends(suite, keys, near, Sealing(suite, keys, _PASSWORD, outgoing_id=_NEAR, incoming_id=_FAR))


_ENDS = tuple(_ends(suite) for suite in SUITES.values())


def sealing(data: bytes) -> None:
    """First octet: cipher suite. Second: the rest is a datagram, one that lacks its code only, or what travels in a packet."""
    (chosen, kind), rest = head_and_rest(data, 2)
    ends = _ENDS[chosen % len(_ENDS)]
    datagram = (_as_it_is, _with_code, _in_packet)[kind % 3](ends, rest)
    packet = _unsealed(ends.near, datagram)
    if packet is None:
        return
    expect(packet.session_id == _NEAR, "a packet of another session")
    expect((packet.encrypted, packet.authenticated) == (ends.suite.is_encrypted, ends.suite.is_authenticated), "other protection")
    expect(_has_code(ends, datagram), "the code is not what covers the packet")
    again = _unsealed(ends.near, ends.far.seal(packet.sequence, packet.payload, Tape(7), packet.payload_type))
    expect(again == packet, "sealed again it reads otherwise")


def _as_it_is(ends: _Ends, rest: bytes) -> bytes:
    return rest


def _with_code(ends: _Ends, rest: bytes) -> bytes:
    """As whoever has the keys could have made it, and would not."""
    return rest + code_maker(ends.suite, ends.keys, _PASSWORD)(rest[RMCP_SIZE:])


def _in_packet(ends: _Ends, rest: bytes) -> bytes:
    return _with_code(ends, build_fields(ends.flags, _NEAR, 1, rest, pads_short=False))


def _unsealed(sealing: Sealing | Sealing15, datagram: bytes) -> Packet | None:
    try:
        return sealing.unseal_untrusted(datagram)
    except (NotAuthentic, Malformed):
        return None


def _has_code(ends: _Ends, datagram: bytes) -> bool:
    if not ends.suite.is_authenticated:
        return True
    size = ends.suite.code_size
    covered, code = datagram[RMCP_SIZE:-size], datagram[-size:]
    if ends.suite.integrity is Integrity.MD5_128:
        key = _PASSWORD.ljust(20, b"\0")
        return hashlib.md5(key + covered + key).digest() == code
    return hmac.digest(ends.keys.k1, covered, _HASHES[ends.suite.integrity])[:size] == code


def aes(data: bytes) -> None:
    """Decrypted as it is; encrypted and decrypted it is the same, whatever the context saw before."""
    _decrypted(_AES_NEAR, data, 1)
    expect(_decrypted(_AES_NEAR, _AES_FAR.encrypt(data, Tape(8)), 1) == data, "encrypted and decrypted it differs")


def xrc4(data: bytes) -> None:
    """First octet: which key size, and whether to encrypt too. Next four: the packet's number. Then a payload."""
    (chosen, *number), rest = head_and_rest(data, 5)
    fresh, kept = (Xrc4(_KEY, (KEY_SIZE_128, KEY_SIZE_40)[chosen & 1]) for _ in range(2))
    sequence = int.from_bytes(bytes(number), "little")
    if rest[:4] != bytes(4):
        expect(_decrypted(fresh, rest, sequence) is None, "went on where nothing began")
    kept._received_key, kept._received_at = kept._key(bytes(16)), 1
    plain = _decrypted(kept, rest, sequence)
    expect(plain is None or len(plain) <= len(rest) - 4, "more octets than came")
    if chosen & 2:
        expect(_decrypted(kept, fresh.encrypt(rest, Tape(10)), sequence + 1) == rest, "encrypted and decrypted it differs")


def _decrypted(cipher: Aes | Xrc4, payload: bytes, sequence: int) -> bytes | None:
    try:
        return cipher.decrypt_untrusted(payload, sequence)
    except Malformed:
        return None


_KEY = bytes(range(20))
_AES_NEAR, _AES_FAR = Aes(_KEY), Aes(_KEY)


class _Ends15(NamedTuple):
    """Both ends of one session of IPMI 1.5."""

    auth_type: AuthType
    leniencies: dict[str, bool]
    near: Sealing15
    far: Sealing15

    @property
    def is_strict(self) -> bool:
        """Whether every packet has a code that covers it, and whoever does not know the password cannot make one."""
        return self.auth_type == AuthType.MD5 and not any(self.leniencies.values())


def _ends15(auth_type: AuthType, octet: int) -> _Ends15:
    names = ("swaps_sequence", "takes_zero_id", "takes_unexpected_codes")
    switches: dict[str, Any] = {name: bool(octet >> place & 1) for place, name in enumerate(names)}
    per_message, checks = not octet >> 3 & 1, not octet >> 4 & 1
    near = Sealing15(auth_type, _PASSWORD, _NEAR, per_message, checks_codes=checks, **switches)
    leniencies = switches | {"off": not per_message, "unchecked": not checks}
    return _Ends15(auth_type, leniencies, near, Sealing15(auth_type, _PASSWORD, _NEAR, per_message))


_TYPES15 = (AuthType.MD5, AuthType.MD5, AuthType.STRAIGHT, AuthType.OEM, AuthType.NONE)
_ENDS15 = [_ends15(auth_type, octet) for octet in range(32) for auth_type in _TYPES15]
"""Without MD2, which takes the way of MD5 and a hundred times as long."""


def sealing15(data: bytes) -> None:
    """First octet: authentication type and leniencies. The rest is a datagram, and then the message of one."""
    (chosen,), rest = head_and_rest(data, 1)
    ends = _ENDS15[chosen % len(_ENDS15)]
    packet = _unsealed(ends.near, rest)
    if packet is not None:
        expect(packet.session_id == _NEAR or ends.leniencies["takes_zero_id"], "a packet of another session")
        expect(packet.authenticated or not ends.is_strict, "a packet without a code that verified")
        expect(not packet.authenticated or _has_code15(ends.auth_type, rest), "the code is not what covers the packet")
    message = rest[:0xFF]
    again = _unsealed(ends.near, ends.far.seal(1, message, Tape(7)))
    expect(again is not None and again.payload == message, "sealed it reads otherwise")


def _has_code15(auth_type: AuthType, datagram: bytes) -> bool:
    packet = parse_packet15_untrusted(datagram)
    key = _PASSWORD.ljust(16, b"\0")
    covered = packet.session_id.to_bytes(4, "little") + packet.payload + packet.sequence.to_bytes(4, "little")
    if auth_type == AuthType.MD5:
        return packet.code == hashlib.md5(key + covered + key).digest()
    return packet.code == key


def _sealing_seeds() -> list[bytes]:
    message = recorded.messages()[0]
    sealed = [
        bytes((place, 0)) + ends.far.seal(number, message, Tape(number), payload_type)
        for place, ends in enumerate(_ENDS)
        for number, payload_type in ((1, PayloadType.IPMI), (2, PayloadType.SOL))
    ]
    travelling = [bytes((each[0], 2)) + parse_packet_untrusted(each[2:]).payload for each in sealed]
    uncoded = [bytes((each[0], 1)) + each[2 : len(each) - _ENDS[each[0]].suite.code_size] for each in sealed]
    return [*sealed, *travelling, *uncoded, *(b"\x03\0" + datagram for datagram in recorded.datagrams()[:8])]


def _aes_seeds() -> list[bytes]:
    return [*(_AES_FAR.encrypt(message, Tape(3)) for message in recorded.messages()[:8]), bytes(32), b""]


def _xrc4_seeds() -> list[bytes]:
    began = [bytes((place | 2, 2, 0, 0, 0)) + Xrc4(_KEY, size).encrypt(b"hello", Tape(4)) for place, size in ((0, 16), (1, 5))]
    return [*began, b"\0\2\0\0\0\x05\0\0\0hello", b"\1\2\0\0\0\xff\xff\x0f\0", b"\0\0\0\0\0\xff\xff\xff\xff"]


def _sealing15_seeds() -> list[bytes]:
    message = recorded.messages()[0]
    sealed = [bytes((place,)) + ends.far.seal(1, message, Tape(5)) for place, ends in enumerate(_ENDS15)]
    return [*sealed, *(b"\0" + datagram for datagram in recorded.datagrams() if datagram[3:5] == b"\x07\x02")]


TARGETS = {
    "sealing": Target(sealing, _sealing_seeds, longest=160),
    "aes": Target(aes, _aes_seeds, longest=96),
    "xrc4": Target(xrc4, _xrc4_seeds, longest=64),
    "sealing15": Target(sealing15, _sealing15_seeds, longest=128),
}
