"""How large packed bytes would become, found without ever holding them. Each stops soon after ``limit``.

Damage ends the count: what came until then is what a viewer gets too.
"""

from __future__ import annotations

import zlib

_IN, _OUT = 1 << 16, 1 << 20
_CLEAR, _END, _FIRST = 256, 257, 258


def inflated_size(packed: memoryview, limit: int) -> int:
    unpacker, total = zlib.decompressobj(), 0
    try:
        for at in range(0, len(packed), _IN):
            part: bytes | memoryview = packed[at : at + _IN]
            while part and not unpacker.eof and total <= limit:
                total += len(unpacker.decompress(part, _OUT))
                part = unpacker.unconsumed_tail
    except zlib.error:
        return total
    return total


def lzw_size(packed: memoryview, limit: int, early_change: int = 1) -> int:
    """ISO 32000-1 section 7.4.4: codes of 9 to 12 bits; only the length of each table entry matters here."""
    lengths, total, before = [1] * _FIRST, 0, 0
    bits = held = 0
    width = 9
    for byte in packed:
        bits, held = bits << 8 | byte, held + 8
        if held < width:
            continue
        held -= width
        code, bits = bits >> held, bits & ((1 << held) - 1)
        if code == _END or total > limit:
            break
        if code == _CLEAR:
            lengths, before, width = [1] * _FIRST, 0, 9
            continue
        length = lengths[code] if code < len(lengths) else before + 1
        if before and len(lengths) < 4096:
            lengths.append(before + 1)
        total, before = total + length, length
        width = min(12, max(9, (len(lengths) + early_change).bit_length()))
    return total


def run_length_size(packed: memoryview, limit: int) -> int:
    """ISO 32000-1 section 7.4.5."""
    at = total = 0
    while at < len(packed) and total <= limit:
        count = packed[at]
        if count == 128:
            break
        at += count + 2 if count < 128 else 2
        total += count + 1 if count < 128 else 257 - count
    return total
