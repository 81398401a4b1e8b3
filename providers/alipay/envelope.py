"""Reads a gateway reply without parsing and re-writing it: Alipay signs the raw bytes of one member."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

SPACE = b" \t\r\n"
STRING = re.compile(rb'"(?:[^"\\\x00-\x1f]|\\.)*"')
PLAIN = re.compile(rb"[-+.0-9A-Za-z]+")
TOKEN = re.compile(rb'"(?:[^"\\\x00-\x1f]|\\.)*"|[{}\[\]]|[^"{}\[\]]+')
ERROR_NODE = "error_response"


@dataclass(frozen=True, slots=True)
class SignedNode:
    """``raw`` exactly as received: what the signature covers. ``sign`` is '' when there is none."""

    name: str
    raw: bytes = field(repr=False)
    sign: str = field(repr=False)


def signed_node(body: bytes, method: str) -> SignedNode:
    """The node that answers ``method``, or error_response. Raises ValueError for anything ambiguous or malformed."""
    found = members(body)
    wanted = method.replace(".", "_") + "_response"
    names = [name for name in (wanted, ERROR_NODE) if name in found]
    if len(names) != 1:
        raise ValueError("no single response node")
    sign = json.loads(found["sign"]) if "sign" in found else ""
    if not isinstance(sign, str):
        raise ValueError("sign is not a text")
    return SignedNode(names[0], found[names[0]], sign)


def members(body: bytes) -> dict[str, bytes]:
    """Name → raw bytes of each member of the outermost JSON object. Braces inside strings do not count.

    Raises ValueError, also for a name that comes twice: which one was signed would be a guess.
    """
    at = _skip(body, 0)
    at = _expect(body, at, b"{")
    found: dict[str, bytes] = {}
    while True:
        name, at = _name(body, _skip(body, at))
        at = _skip(body, _expect(body, _skip(body, at), b":"))
        end = _value_end(body, at)
        if name in found:
            raise ValueError("a member comes twice")
        found[name] = body[at:end]
        at = _skip(body, end)
        if body[at : at + 1] != b",":
            break
        at += 1
    at = _expect(body, at, b"}")
    if _skip(body, at) != len(body):
        raise ValueError("something follows the object")
    return found


def _skip(body: bytes, at: int) -> int:
    while at < len(body) and body[at] in SPACE:
        at += 1
    return at


def _expect(body: bytes, at: int, sign: bytes) -> int:
    if body[at : at + 1] != sign:
        raise ValueError(f"expected {sign!r}")
    return at + 1


def _name(body: bytes, at: int) -> tuple[str, int]:
    found = STRING.match(body, at)
    if found is None:
        raise ValueError("expected a name")
    return str(json.loads(found[0])), found.end()


def _value_end(body: bytes, at: int) -> int:
    if body[at : at + 1] == b'"':
        found = STRING.match(body, at)
    elif body[at : at + 1] in (b"{", b"["):
        return _closing(body, at)
    else:
        found = PLAIN.match(body, at)
    if found is None:
        raise ValueError("expected a value")
    return found.end()


def _closing(body: bytes, at: int) -> int:
    """Just behind the bracket that closes the one at ``at``."""
    depth = 0
    while found := TOKEN.match(body, at):
        token, at = found[0], found.end()
        if token in (b"{", b"["):
            depth += 1
        elif token in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                return at
    raise ValueError("a bracket is not closed")
