"""Signatures of machines: the RFC's own vectors, and what a signature has to cover."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.errors import Unauthenticated
from auth.signatures import (
    Algorithm,
    BodyDigest,
    SignedRequest,
    claim_of,
    require_recent,
    require_signed,
    require_whole,
)

# RFC 9421, Appendix B.1.4, B.1.5 and B.2
ED25519 = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode("JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs="))
SECRET = base64.b64decode("uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==")
BODY = b'{"hello": "world"}'
DIGEST = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
HEADERS = {
    "host": "example.com",
    "date": "Tue, 20 Apr 2021 02:07:55 GMT",
    "content-type": "application/json",
    "content-digest": DIGEST,
    "content-length": "18",
}
B25 = (
    'sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
    "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:",
)
B26 = (
    'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length")'
    ';created=1618884473;keyid="test-key-ed25519"',
    "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
)
VECTORS = [(Algorithm.HMAC, SECRET, B25), (Algorithm.ED25519, ED25519, B26)]
CREATED = datetime.fromtimestamp(1618884473, UTC)


def request(said: str, signature: str, **changes: Any) -> SignedRequest:
    headers = {**HEADERS, "signature-input": said, "signature": signature}
    url = "https://example.com/foo?param=Value&Pet=dog"
    return replace(SignedRequest("POST", url, headers, True), **changes)


def code_of(work: Any) -> str:
    with pytest.raises(Unauthenticated) as caught:
        work()
    return caught.value.code


@pytest.mark.parametrize(("algorithm", "key", "vector"), VECTORS)
def test_the_vectors_of_the_rfc_hold(algorithm: Algorithm, key: Any, vector: tuple[str, str]) -> None:
    require_signed(request(*vector), algorithm, key)


@pytest.mark.parametrize(("algorithm", "key", "vector"), VECTORS)
def test_whatever_a_vector_covers_cannot_be_altered(algorithm: Algorithm, key: Any, vector: tuple[str, str]) -> None:
    whole = request(*vector)
    others = [
        replace(whole, url="https://example.org/foo?param=Value&Pet=dog"),
        replace(whole, headers={**whole.headers, "date": "Tue, 20 Apr 2021 02:07:56 GMT"}),
        replace(whole, headers={**whole.headers, "content-type": "text/plain"}),
        replace(whole, headers={k: v for k, v in whole.headers.items() if k != "date"}),
        request(vector[0].replace("created=1618884473", "created=1618884474"), vector[1]),
        request(vector[0].replace('"date" ', ""), vector[1]),
        request(vector[0], vector[1].replace("=:p", "=:q").replace("=:w", "=:x")),
        request(vector[0] + ';alg="rsa-pss-sha512"', vector[1]),
        request(vector[0] + ";more=1", vector[1]),
    ]
    for other in others:
        assert code_of(lambda other=other: require_signed(other, algorithm, key)) == "signature_wrong"
    wrong = bytes(64) if algorithm is Algorithm.HMAC else Ed25519PublicKey.from_public_bytes(bytes(31) + b"\x01")
    assert code_of(lambda: require_signed(whole, algorithm, wrong)) == "signature_wrong"


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_signature_of_one_algorithm_is_none_of_the_other(algorithm: Algorithm) -> None:
    vector = B26 if algorithm is Algorithm.HMAC else B25
    key: Any = SECRET if algorithm is Algorithm.HMAC else ED25519
    assert code_of(lambda: require_signed(request(*vector), algorithm, key)) == "signature_wrong"


@pytest.mark.parametrize(
    ("said", "signature"),
    [
        ("", ""),
        (B25[0], ""),
        ("", B25[1]),
        (f"{B25[0]}, {B26[0]}", f"{B25[1]}, {B26[1]}"),
        (f"{B25[0]}, {B25[0]}", B25[1]),
        (B25[0], B25[1].replace("sig-b25", "sig-b26")),
        ("sig-b25=1", B25[1]),
        (B25[0].replace("created=1618884473", 'created="1618884473"'), B25[1]),
        (B25[0].replace('keyid="test-shared-secret"', "keyid=1"), B25[1]),
        (B25[0] + ";nonce=1", B25[1]),
        ("sig-b25=(", B25[1]),
        ("签名", B25[1]),
        ("\x00", "\x7f"),
    ],
)
def test_what_cannot_be_read_is_said_to_be_so(said: str, signature: str) -> None:
    assert code_of(lambda: claim_of(request(said, signature))) == "signature_malformed"


def said_of(covered: str, parameters: str = ';created=1;keyid="k";nonce="0123456789abcdef"') -> SignedRequest:
    return request(f"s=({covered}){parameters}", "s=:AAAA:")


WHOLE = '"@method" "@target-uri" "content-digest" "content-type"'
STEERING = {"idempotency-key": "a-key-0001", "if-match": '"1"'}


def steered(covered: str) -> SignedRequest:
    """With headers that decide what the request does."""
    whole = said_of(covered)
    return replace(whole, headers={**whole.headers, **STEERING})


@pytest.mark.parametrize(
    ("whole", "missing"),
    [
        (said_of(WHOLE), []),
        (said_of('"@method" "@authority" "@path" "@query" "content-digest" "content-type"'), []),
        (said_of('"@target-uri" "content-digest" "content-type"'), ["@method"]),
        (said_of('"@method" "@authority" "@path" "content-digest" "content-type"'), ["@target-uri"]),
        (said_of('"@method" "@target-uri" "content-type"'), ["content-digest"]),
        (said_of('"@method" "@target-uri" "content-digest"'), ["content-type"]),
        (steered(WHOLE), ["idempotency-key", "if-match"]),
        (steered(f'{WHOLE} "if-match" "idempotency-key";sf'), ["idempotency-key"]),
        (steered(f'{WHOLE} "idempotency-key" "if-match"'), []),
        # a part of the digest, or of the address, is not the whole
        (said_of('"@method" "@target-uri" "content-type" "content-digest";key="sha-512"'), ["content-digest"]),
        (
            said_of('"@method" "@authority" "@path" "@query-param";name="a" "content-digest" "content-type"'),
            ["@target-uri"],
        ),
        (said_of(WHOLE, ';created=1;keyid="k"'), ["nonce"]),
        (said_of(WHOLE, ';created=1;nonce="0123456789abcdef"'), ["keyid"]),
        (said_of(WHOLE, ';keyid="k";nonce="0123456789abcdef"'), ["created"]),
        (replace(said_of('"@method" "@target-uri" "content-type"'), has_body=False), []),
        (replace(said_of(WHOLE, ';created=1;keyid="k"'), method="GET"), []),
        (replace(said_of(WHOLE, ';created=1;keyid="k"'), method="DELETE"), ["nonce"]),
        (replace(said_of(WHOLE), headers={**said_of(WHOLE).headers} | {"content-digest": DIGEST}), []),
    ],
)
def test_what_is_missing_is_named(whole: SignedRequest, missing: list[str]) -> None:
    claim = claim_of(whole)
    if not missing:
        require_whole(claim, whole)
        return
    with pytest.raises(Unauthenticated) as caught:
        require_whole(claim, whole)
    assert (caught.value.code, caught.value.extra) == ("signature_missing_component", {"components": missing})


def test_a_digest_that_is_covered_but_not_sent_is_missing() -> None:
    sent = said_of(WHOLE)
    bare = replace(sent, headers={k: v for k, v in sent.headers.items() if k != "content-digest"})
    assert code_of(lambda: require_whole(claim_of(bare), bare)) == "signature_missing_component"


@pytest.mark.parametrize("nonce", ["short", "a" * 129, "with a blank 0123456789"])
def test_a_nonce_is_neither_short_nor_endless(nonce: str) -> None:
    whole = said_of(WHOLE, f';created=1;keyid="k";nonce="{nonce}"')
    assert code_of(lambda: require_whole(claim_of(whole), whole)) == "signature_malformed"


@pytest.mark.parametrize(
    ("off", "expires", "passes"),
    [
        (0, None, True),
        (300, None, True),
        (-300, None, True),
        (301, None, False),
        (-301, None, False),
        (100, 1618884473 + 100, False),
        (100, 1618884473 + 101, True),
    ],
)
def test_a_clock_may_be_five_minutes_off(off: int, expires: int | None, passes: bool) -> None:
    claim = replace(claim_of(request(*B25)), expires=expires)
    now = CREATED + timedelta(seconds=off)
    if passes:
        require_recent(claim, now)
        return
    assert code_of(lambda: require_recent(claim, now)) == "signature_expired"


def test_a_body_is_held_against_every_digest_that_is_known() -> None:
    both = f"sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:, {DIGEST}, md5=:AAAA:"
    for said in (DIGEST, both):
        digest = BodyDigest(said)
        for piece in (BODY[:5], BODY[5:]):
            digest.update(piece)
        digest.require_match()
    for said, body in ((DIGEST, BODY + b" "), (both, b""), (both.replace("X48", "Y48"), BODY), ("sha-256=::", BODY)):
        digest = BodyDigest(said)
        digest.update(body)
        assert code_of(digest.require_match) == "digest_mismatch"
    for unreadable in ("", "md5=:AAAA:", "sha-256=AAAA", "sha-256=(1 2)", "=", "sha-256"):
        assert code_of(lambda said=unreadable: BodyDigest(said)) == "digest_unreadable"
