"""Requests signed by machines: HTTP Message Signatures (RFC 9421) over a Content-Digest (RFC 9530). Pure.

The library makes the signature base and checks the signature; what has to be signed, and how old it may be, stands
here.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import http_sf
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageVerifier,
    HTTPSignatureAlgorithm,
    HTTPSignatureKeyResolver,
)
from http_message_signatures.algorithms import ED25519, HMAC_SHA256

from app.errors import Unauthenticated

WINDOW = timedelta(seconds=300)
"""How far ``created`` may be from our clock, either way."""
NONCE_KEPT_S = 2 * int(WINDOW.total_seconds()) + 60
"""A signature made by the fastest clock allowed goes that long."""
DIGEST = "content-digest"
STEERING = ("content-type", "idempotency-key", "if-match")
"""Headers that decide what a request does. Unsigned, a post that was held back could be delivered under another key and
take effect twice.
"""
WANTED = 'lantai=("@method" "@target-uri" "content-digest" "content-type" "idempotency-key" "if-match");created'
"""As Accept-Signature (RFC 9421 §5.1); of the headers whichever are sent."""
_WHERE = (frozenset({"@target-uri"}), frozenset({"@authority", "@path", "@query"}))
_READING = frozenset({"GET", "HEAD"})
_NONCE = re.compile(r"[A-Za-z0-9_\-+/=.~]{16,128}")
_FIELDS = ("signature-input", "signature")


class Algorithm(StrEnum):
    """Names of RFC 9421 §6.2.2."""

    ED25519 = "ed25519"
    HMAC = "hmac-sha256"


_CHECKS: Mapping[Algorithm, type[HTTPSignatureAlgorithm]] = {
    Algorithm.ED25519: ED25519,
    Algorithm.HMAC: HMAC_SHA256,
}
_HASHES: Mapping[str, Callable[[], Any]] = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it came over the wire: ``url`` whole and percent-encoded, ``headers`` by lower-case name with lines
    of one name joined by commas.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    has_body: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """What a signature says of itself, before anybody has checked it. Times are seconds since 1970."""

    key_id: str
    covered: frozenset[str]
    created: int | None
    expires: int | None
    nonce: str | None


# --- what it says -----------------------------------------------------------------------------------------------------


def _twice(_key: str, _context: str) -> None:
    """RFC 9421 §4.1: a label is unique."""
    raise ValueError("a key stands there twice")


def _dictionary(text: str) -> dict[str, Any]:
    """Raises Unauthenticated('signature_malformed')."""
    try:
        found = http_sf.parse(text.encode("ascii"), tltype="dictionary", on_duplicate_key=_twice)
    except (ValueError, TypeError):
        raise Unauthenticated("signature_malformed") from None
    if not isinstance(found, dict):
        raise Unauthenticated("signature_malformed")
    return found


def claim_of(request: SignedRequest) -> Claim:
    """Raises Unauthenticated('signature_malformed'), also for more signatures than one: which of them counts would be
    a guess.
    """
    inputs, signatures = (_dictionary(request.headers.get(name, "")) for name in _FIELDS)
    if len(inputs) != 1 or inputs.keys() != signatures.keys():
        raise Unauthenticated("signature_malformed")
    [(components, said)] = inputs.values()
    if not isinstance(components, list):
        raise Unauthenticated("signature_malformed")
    whole, numbers = ("keyid", "nonce", "alg", "tag"), ("created", "expires")
    if not all(isinstance(said[n], str) for n in whole if n in said):
        raise Unauthenticated("signature_malformed")
    if not all(type(said[n]) is int for n in numbers if n in said):
        raise Unauthenticated("signature_malformed")
    # a component with parameters is another component: the part of a digest is no digest
    covered = frozenset(name for name, narrowed in components if isinstance(name, str) and not narrowed)
    return Claim(said.get("keyid", ""), covered, said.get("created"), said.get("expires"), said.get("nonce"))


def require_whole(claim: Claim, request: SignedRequest) -> None:
    """Raises Unauthenticated('signature_missing_component') with all that is missing in ``components``, and
    'signature_malformed' for a nonce of another form.
    """
    missing = [] if "@method" in claim.covered else ["@method"]
    if not any(where <= claim.covered for where in _WHERE):
        missing.append("@target-uri")
    if request.has_body and not (DIGEST in claim.covered and DIGEST in request.headers):
        missing.append(DIGEST)
    missing += [name for name in STEERING if name in request.headers and name not in claim.covered]
    missing += [] if claim.key_id else ["keyid"]
    missing += [] if claim.created is not None else ["created"]
    missing += [] if claim.nonce is not None or request.method in _READING else ["nonce"]
    if missing:
        shown = {"components": missing}
        raise Unauthenticated("signature_missing_component", params={"components": " ".join(missing)}, extra=shown)
    if claim.nonce is not None and not _NONCE.fullmatch(claim.nonce):
        raise Unauthenticated("signature_malformed")


def require_recent(claim: Claim, now: datetime) -> None:
    """Raises Unauthenticated('signature_expired') for one too old, from the future, or past its own ``expires``."""
    at = int(now.timestamp())
    old = claim.created is None or abs(at - claim.created) > WINDOW.total_seconds()
    if old or (claim.expires is not None and claim.expires <= at):
        shown = {"server_time": now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")}
        raise Unauthenticated("signature_expired", extra=shown)


# --- whether it is true -----------------------------------------------------------------------------------------------


class _OneKey(HTTPSignatureKeyResolver):
    def __init__(self, key: Any) -> None:
        self._key = key

    def resolve_public_key(self, key_id: str) -> Any:  # noqa: ARG002 - the caller has looked it up
        return self._key


class _Verifier(HTTPMessageVerifier):
    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        """``require_recent`` judges by the house's clock; the library would by the machine's."""


def require_signed(request: SignedRequest, algorithm: Algorithm, key: Any) -> None:
    """``key``: an Ed25519 public key, or the shared secret's bytes. Raises Unauthenticated('signature_wrong')."""
    verifier = _Verifier(signature_algorithm=_CHECKS[algorithm], key_resolver=_OneKey(key))
    try:
        verifier.verify(request, max_age=None)
    except (HTTPMessageSignaturesException, ValueError, TypeError):
        raise Unauthenticated("signature_wrong") from None


class BodyDigest:
    """Fed a body piece by piece, says at its end whether it is the one that was signed."""

    def __init__(self, content_digest: str) -> None:
        """Raises Unauthenticated('digest_unreadable') where there is neither sha-256 nor sha-512; others are passed
        over (RFC 9530 §2).
        """
        try:
            said = _dictionary(content_digest)
        except Unauthenticated:
            raise Unauthenticated("digest_unreadable") from None
        known = [(name, value) for name, (value, _) in said.items() if name in _HASHES]
        if not known or not all(isinstance(value, bytes) for _, value in known):
            raise Unauthenticated("digest_unreadable")
        self._running = [(_HASHES[name](), value) for name, value in known]

    def update(self, piece: bytes) -> None:
        for running, _ in self._running:
            running.update(piece)

    def require_match(self) -> None:
        """Raises Unauthenticated('digest_mismatch')."""
        if not all(hmac.compare_digest(running.digest(), said) for running, said in self._running):
            raise Unauthenticated("digest_mismatch")
