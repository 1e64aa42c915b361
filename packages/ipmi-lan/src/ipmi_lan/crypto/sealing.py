"""Packets of an open session: encrypted, and authenticated over everything from the session header on, as the suite says.

What `unseal_untrusted` returns is proven to come from whoever holds the session's keys, for this session; freshness (the
sequence number) is the session's matter, for it needs memory (IPMI 2.0, 13.28.4 and 13.29). A suite without integrity proves
nothing: there a packet's flags, session id and form are all that is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ipmi_lan.crypto.aes import Aes
from ipmi_lan.crypto.integrity import code_maker
from ipmi_lan.crypto.rakp import SessionKeys, verify_code
from ipmi_lan.crypto.suites import CipherSuite, Confidentiality, expect_available
from ipmi_lan.crypto.xrc4 import KEY_SIZE_40, KEY_SIZE_128, Xrc4
from ipmi_lan.errors import NotAuthentic
from ipmi_lan.wire.codes import PayloadType
from ipmi_lan.wire.packet import (
    AUTHENTICATED,
    ENCRYPTED,
    RMCP_SIZE,
    TYPE_MASK,
    Packet,
    build_fields,
    expect_trailer_untrusted,
    parse_fields_untrusted,
)

_IPMI = PayloadType.IPMI


class _Encryption(Protocol):
    def encrypt(self, payload: bytes, randomness: Callable[[int], bytes]) -> bytes: ...

    def decrypt_untrusted(self, payload: bytes, sequence: int) -> bytes: ...


class _Plain:
    """No encryption."""

    __slots__ = ()

    def encrypt(self, payload: bytes, randomness: Callable[[int], bytes]) -> bytes:
        return payload

    def decrypt_untrusted(self, payload: bytes, sequence: int) -> bytes:
        return payload


class Sealing:
    """Seals what one end of one session sends and unseals what it receives. It belongs to one task: its contexts are kept."""

    __slots__ = (
        "_code",
        "_code_size",
        "_decrypt",
        "_encrypt",
        "_flags",
        "_incoming_id",
        "_is_authenticated",
        "_is_encrypted",
        "_outgoing_id",
        "_pads_short",
    )

    def __init__(
        self,
        suite: CipherSuite,
        keys: SessionKeys,
        password: bytes,
        outgoing_id: int,
        incoming_id: int,
        pads_short: bool = False,
    ) -> None:
        """`outgoing_id` goes into what is sent, `incoming_id` is expected in what is received: each end's own.

        `pads_short`: the integrity pad counts header and payload only (Intel's ICTS). Raises `SuiteUnavailable`.
        """
        expect_available(suite)
        encryption = _encryption(suite, keys)
        self._encrypt, self._decrypt = encryption.encrypt, encryption.decrypt_untrusted
        self._code, self._code_size = code_maker(suite, keys, password), suite.code_size
        self._is_encrypted, self._is_authenticated = suite.is_encrypted, suite.is_authenticated
        self._flags = (ENCRYPTED if suite.is_encrypted else 0) | (AUTHENTICATED if suite.is_authenticated else 0)
        self._outgoing_id, self._incoming_id = outgoing_id, incoming_id
        self._pads_short = pads_short

    def seal(self, sequence: int, payload: bytes, randomness: Callable[[int], bytes], payload_type: int = _IPMI) -> bytes:
        """The datagram of a plain payload. `randomness(n)` gives n octets that nobody can foresee."""
        travelling = self._encrypt(payload, randomness)
        datagram = build_fields(self._flags | payload_type, self._outgoing_id, sequence, travelling, self._pads_short)
        return datagram + self._code(datagram[RMCP_SIZE:]) if self._is_authenticated else datagram

    def unseal_untrusted(self, datagram: bytes) -> Packet:
        """The packet with its payload plain. Raises `NotAuthentic` or `Malformed`; the code is checked before all else.

        Only a packet whose flags are what the suite says, and which is of this session, passes: one with either bit clear is
        not of an authenticated and encrypted session, whatever it says.
        """
        flags, session_id, sequence, payload = parse_fields_untrusted(datagram)
        if flags & ~TYPE_MASK != self._flags or session_id != self._incoming_id:
            raise NotAuthentic("not a packet as this session's are")
        if self._is_authenticated:
            size = self._code_size
            verify_code(datagram[-size:], self._code(datagram[RMCP_SIZE:-size]))
            expect_trailer_untrusted(datagram, len(payload), size)
        plain = self._decrypt(payload, sequence)
        return Packet(flags & TYPE_MASK, plain, session_id, sequence, self._is_encrypted, self._is_authenticated)


def _encryption(suite: CipherSuite, keys: SessionKeys) -> _Encryption:
    if suite.confidentiality is Confidentiality.AES_CBC_128:
        return Aes(keys.k2)
    if suite.confidentiality is Confidentiality.XRC4_128:
        return Xrc4(keys.k2, KEY_SIZE_128)
    if suite.confidentiality is Confidentiality.XRC4_40:
        return Xrc4(keys.k2, KEY_SIZE_40)
    return _Plain()
