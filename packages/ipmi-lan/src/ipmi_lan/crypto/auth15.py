"""Packets of an IPMI 1.5 session: their authentication codes (IPMI 2.0, 22.17.1 and table 13-8, IPMI 1.5 column).

Nothing is encrypted. MD5 and MD2 prove that the sender knows the password, for this session and sequence number; the straight
password proves it to whoever listens, and the type none proves nothing. `Packet.authenticated` tells whether a code verified.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.hashes import MD5, Hash

from ipmi_lan.crypto.md2 import md2
from ipmi_lan.crypto.rakp import verify_code
from ipmi_lan.errors import BadArgument, NotAuthentic
from ipmi_lan.wire.codes import AuthType, PayloadType
from ipmi_lan.wire.packet import Packet
from ipmi_lan.wire.packet15 import CODE_SIZE, Packet15, build_packet15, parse_packet15_untrusted

PASSWORD_SIZE = 16
"""Passwords are 16 octets, filled up with zeros."""

_IPMI = PayloadType.IPMI


def auth_code(auth_type: AuthType, password: bytes, session_id: int, sequence: int, message: bytes) -> bytes:
    """The code of one packet: 16 octets; none for `AuthType.NONE`.

    For `AuthType.OEM` it is the key of `oem_key`, given as the password. Raises `BadArgument` for a password above 16 octets.
    """
    if len(password) > PASSWORD_SIZE:
        raise BadArgument(f"a password of {len(password)} octets: IPMI 1.5 takes {PASSWORD_SIZE}")
    key = password.ljust(PASSWORD_SIZE, b"\0")
    if auth_type in (AuthType.MD2, AuthType.MD5):
        covered = key + session_id.to_bytes(4, "little") + message + sequence.to_bytes(4, "little") + key
        return md2(covered) if auth_type == AuthType.MD2 else _md5(covered)
    if auth_type in (AuthType.STRAIGHT, AuthType.OEM):
        return key
    if auth_type == AuthType.NONE:
        return b""
    raise BadArgument(f"{auth_type!r} is no authentication type of IPMI 1.5")


def oem_key(password: bytes, challenge: bytes) -> bytes:
    """What stands as code in every packet of a session of type OEM, as Supermicro's older boards have it: 16 octets.

    The MD5 digest of the exclusive-or of challenge string and the password's MD5 digest.
    """
    if len(challenge) != CODE_SIZE:
        raise BadArgument(f"a challenge of {len(challenge)} octets")
    return _md5(bytes(one ^ other for one, other in zip(_md5(password), challenge, strict=True)))


class Sealing15:
    """Seals what one end of one IPMI 1.5 session sends and unseals what it receives."""

    def __init__(
        self,
        auth_type: AuthType,
        password: bytes,
        session_id: int,
        per_message: bool = True,
        *,
        swaps_sequence: bool = False,
        checks_codes: bool = True,
        takes_zero_id: bool = False,
        takes_unexpected_codes: bool = False,
    ) -> None:
        """`per_message` False: packets travel with authentication type none.

        The deviations, each only by name: `swaps_sequence` the number of packets received is big-endian (Sun's ILOM reads ours
        as it should, and turns its own); `checks_codes` False no code is looked at; `takes_zero_id` packets received may have
        session id 0; `takes_unexpected_codes` packets received may have a code although `per_message` is off, and where it is
        not all zero it must verify. Raises `BadArgument`.
        """
        auth_code(auth_type, password, session_id, 0, b"")   # refuses here what it would refuse later
        self._auth_type, self._password, self._session_id = auth_type, password, session_id
        self._travels_as = auth_type if per_message else AuthType.NONE
        self._swaps_sequence, self._checks_codes = swaps_sequence, checks_codes
        self._takes_zero_id, self._takes_unexpected_codes = takes_zero_id, takes_unexpected_codes

    def seal(self, sequence: int, payload: bytes, randomness: Callable[[int], bytes], payload_type: int = _IPMI) -> bytes:
        """The datagram of a plain payload; no randomness is needed. Raises `BadArgument` for any payload type but IPMI."""
        if payload_type != _IPMI:
            raise BadArgument(f"IPMI 1.5 carries no payload of type {payload_type:02X}h")
        code = auth_code(self._travels_as, self._password, self._session_id, sequence, payload)
        return build_packet15(Packet15(self._travels_as, sequence, self._session_id, code, payload))

    def unseal_untrusted(self, datagram: bytes) -> Packet:
        """The packet. Raises `NotAuthentic` or `Malformed`."""
        packet = parse_packet15_untrusted(datagram)
        if packet.session_id != self._session_id and (packet.session_id or not self._takes_zero_id):
            raise NotAuthentic("not a packet of this session")
        verified = self._verify(packet)
        return Packet(_IPMI, packet.payload, packet.session_id, self._swapped(packet.sequence), False, verified)

    def _verify(self, packet: Packet15) -> bool:
        """Did a code verify? Raises `NotAuthentic` where one is due and does not."""
        is_due = packet.auth_type == self._travels_as
        if not is_due and not (self._takes_unexpected_codes and packet.auth_type == self._auth_type):
            raise NotAuthentic("not the authentication type of this session")
        if packet.auth_type == AuthType.NONE or not self._checks_codes or not (is_due or any(packet.code)):
            return False
        expected = auth_code(self._auth_type, self._password, packet.session_id, packet.sequence, packet.payload)
        verify_code(packet.code, expected)
        return True

    def _swapped(self, sequence: int) -> int:
        return int.from_bytes(sequence.to_bytes(4, "little"), "big") if self._swaps_sequence else sequence


def _md5(data: bytes) -> bytes:
    md5 = Hash(MD5())  # noqa: S303 - IPMI wants it
    md5.update(data)
    return md5.finalize()
