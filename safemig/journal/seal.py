"""The seal of a journal's lines: without the person's key nobody can add, change or move one that a run goes on from.

A line ends with the HMAC-SHA256 of itself and of the seal before it. What a kill tore off is no line yet, so the chain
goes on from the last whole one.
"""

from __future__ import annotations

import hashlib
import hmac

_BEGIN = b',"seal":"'
_LENGTH = len(_BEGIN) + 64 + 2  # the digits, and what closes string and object


def sealed(key: bytes, before: bytes, raw: bytes) -> bytes:
    """The JSON object ``raw`` with its seal, as it stands behind the line ``before`` (b"" where it is the first)."""
    return raw[:-1] + _BEGIN + _seal(key, before, raw) + b'"}'


def is_sealed(key: bytes, before: bytes, line: bytes) -> bool:
    """Whether the key's holder has written the line in this place, behind the line ``before``."""
    return hmac.compare_digest(line, sealed(key, before, line[:-_LENGTH] + b"}"))


def first_unsealed(key: bytes, lines: list[bytes]) -> int:
    """The number (from 1) of the first line that the key's holder has not written in this place; 0 where there is
    none."""
    before = b""
    for number, line in enumerate(lines, 1):
        if not is_sealed(key, before, line):
            return number
        before = line
    return 0


def _seal(key: bytes, before: bytes, raw: bytes) -> bytes:
    return hmac.digest(key, before[-_LENGTH:] + raw, hashlib.sha256).hex().encode()
