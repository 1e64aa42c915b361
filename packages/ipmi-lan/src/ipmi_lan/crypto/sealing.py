"""Packets of an open session: encrypted with AES-CBC-128, authenticated over everything from the session header on.

What `unseal_untrusted` returns is proven to come from whoever holds the session's keys, for this session; freshness (the
sequence number) is the session's matter, for it needs memory (IPMI 2.0, 13.28.4 and 13.29).
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from ipmi_lan.crypto.rakp import NotAuthentic, SessionKeys, digest, verify_code
from ipmi_lan.crypto.suites import CipherSuite
from ipmi_lan.errors import Malformed
from ipmi_lan.wire.packet import Packet, build_packet, parse_packet_untrusted, split_code_untrusted

BLOCK = 16
"""Octets of an AES block and of its initialization vector."""


def seal(suite: CipherSuite, keys: SessionKeys, packet: Packet, iv: bytes) -> bytes:
    """The datagram of `packet`, whose payload is plain; `iv` is 16 fresh random octets."""
    payload = encrypt(keys.k2[:BLOCK], iv, packet.payload)
    sealed = Packet(packet.payload_type, payload, packet.session_id, packet.sequence, encrypted=True, authenticated=True)
    datagram = build_packet(sealed)
    return datagram + digest(suite, keys.k1, datagram[4:])[: suite.check_size]


def unseal_untrusted(suite: CipherSuite, keys: SessionKeys, session_id: int, datagram: bytes) -> Packet:
    """The packet with its payload plain. Raises `NotAuthentic` or `Malformed`; the code is checked before all else.

    Only a packet that is authenticated, encrypted and of this session passes: a packet with either bit clear is not one of
    an open session, whatever it says.
    """
    packet = parse_packet_untrusted(datagram)
    if not (packet.authenticated and packet.encrypted) or packet.session_id != session_id:
        raise NotAuthentic("not an authenticated and encrypted packet of this session")
    covered, code = split_code_untrusted(datagram, suite.check_size)
    verify_code(code, digest(suite, keys.k1, covered)[: suite.check_size])
    payload = decrypt_untrusted(keys.k2[:BLOCK], packet.payload)
    return Packet(packet.payload_type, payload, packet.session_id, packet.sequence, encrypted=True, authenticated=True)


def encrypt(key: bytes, iv: bytes, payload: bytes) -> bytes:
    """IV and ciphertext; padded with 01h, 02h, … and the pad's length, 0 to 15 (13.29)."""
    pad = -(len(payload) + 1) % BLOCK
    encryptor = Cipher(AES(key), CBC(iv)).encryptor()
    return iv + encryptor.update(payload + bytes(range(1, pad + 1)) + bytes((pad,))) + encryptor.finalize()


def decrypt_untrusted(key: bytes, payload: bytes) -> bytes:
    """The plain payload. Raises `Malformed`. A pad of 16 is taken as well: OpenBMC pads a full block where none is due."""
    if len(payload) < 2 * BLOCK or len(payload) % BLOCK:
        raise Malformed("encrypted payload: not an IV and whole blocks")
    decryptor = Cipher(AES(key), CBC(payload[:BLOCK])).decryptor()
    plain = decryptor.update(payload[BLOCK:]) + decryptor.finalize()
    pad = plain[-1]
    if pad > BLOCK or plain[-1 - pad : -1] != bytes(range(1, pad + 1)):
        raise Malformed("encrypted payload: wrong pad")
    return plain[: -1 - pad]
