"""Recipients of age encryption (age1…): Bech32 (BIP 173) of a 32-byte X25519 key. Pure; encrypting is the
electronic leg's.
"""

from __future__ import annotations

_LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_PREFIX = "age"
_DATA, _CHECK = 52, 6  # 32 bytes in groups of five bits, the last group padded by four


def is_recipient(text: str) -> bool:
    """Whether ``text`` is an age recipient as ``age-keygen`` prints it: lower case, checksum right."""
    head, one, tail = text.rpartition("1")
    if head != _PREFIX or not one or len(tail) != _DATA + _CHECK or any(c not in _LETTERS for c in tail):
        return False
    values = [_LETTERS.index(c) for c in tail]
    stretched = [ord(c) >> 5 for c in _PREFIX] + [0] + [ord(c) & 31 for c in _PREFIX]
    return values[_DATA - 1] & 0b1111 == 0 and _checksum(stretched + values) == 1


def _checksum(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for place, factor in enumerate(_GENERATOR):
            if top >> place & 1:
                check ^= factor
    return check
