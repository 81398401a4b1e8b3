"""Machines that sign their requests: what is let in and what is refused."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis.exceptions import ConnectionError as RedisAway
from sqlalchemy import select

from app.events import Event
from parts import Lantai
from providers.redis_store import RedisNonces
from tests.fakes import FakeClock
from tests.partner_api.signing import API, Signer, by_secret, code, digest_of, ed25519_signer, hmac_signer
from tests.partner_api.test_ingest import line, on_file, record, table

NAME = "校园系统"
KEY = "a-key-0001"
Make = Callable[..., Signer]


@pytest.fixture
def client_id(lantai: Lantai) -> Any:
    return lantai.partners.add(NAME, ["dossiers:push", "notices:send"])[0]


@pytest.fixture(params=[ed25519_signer, hmac_signer])
def signer(request: pytest.FixtureRequest, lantai: Lantai, clock: FakeClock, client_id: Any) -> Signer:
    make: Make = request.param
    return make(lantai, clock, NAME)


# --- in ---------------------------------------------------------------------------------------------------------------


def test_a_signed_request_is_let_in_and_its_body_read(client: FlaskClient, signer: Signer, lantai: Lantai) -> None:
    filed = signer.call(client, "POST", "/graduates", record(1), KEY)
    assert (filed.status_code, filed.json["id"] is not None) == (201, True)
    assert on_file(lantai, 1)
    batch = filed.json["batch"].removeprefix(API)
    assert signer.call(client, "GET", f"{batch}/rows?limit=5&outcome=filed").status_code == 200
    apart = replace(signer, cover=("@method", "@authority", "@path", "@query"))
    assert apart.call(client, "GET", f"{batch}/rows?limit=5").status_code == 200
    assert apart.call(client, "GET", batch).status_code == 200


@pytest.mark.parametrize("name", ["sha-256", "sha-512"])
def test_uploads_are_held_against_their_digest_before_anything_is_kept(
    client: FlaskClient, signer: Signer, name: str, lantai: Lantai, client_id: Any
) -> None:
    rows = table(*(line(n) for n in range(1, 4)))
    data = rows + b"\n" * (3 * 1024 * 1024)  # more than a spool keeps in memory
    path = f"{API}/batches?name=a.csv"
    steering = {"Idempotency-Key": KEY, "Content-Digest": digest_of(data, name), "Content-Type": "text/csv"}
    headers = signer.headers("POST", path, data, **steering)
    altered = client.post(path, data=data[:-1] + b" ", headers=headers, content_type="text/csv")
    assert code(altered) == (401, "digest_mismatch")
    with lantai.db.transaction() as session:
        assert session.scalar(select(Event.id).where(Event.actor_id == client_id)) is None
    taken: Any = client.post(path, data=data, headers=headers, content_type="text/csv")
    assert (taken.status_code, taken.json["state"]) == (202, "uploaded")


def test_a_form_is_read_from_what_was_checked(client: FlaskClient, signer: Signer) -> None:
    edge = "an-edge"
    rows = table(line(1))
    parts = [f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'.encode(), rows]
    data = b"".join([*parts, f"\r\n--{edge}--\r\n".encode()])
    path = f"{API}/batches"
    kind = f"multipart/form-data; boundary={edge}"
    headers = signer.headers("POST", path, data, **{"Idempotency-Key": KEY, "Content-Type": kind})
    # what follows the last boundary is passed over by readers of forms, but it was not signed
    more = client.post(path, data=data + b"more", headers=headers, content_type=kind)
    assert code(more) == (401, "digest_mismatch")
    assert client.post(path, data=data, headers=headers, content_type=kind).status_code == 202


def test_a_body_without_a_length_is_checked_too(client: FlaskClient, signer: Signer) -> None:
    body = json.dumps(record(1)).encode()
    headers = signer.headers("POST", f"{API}/graduates", body, **{"Idempotency-Key": KEY})
    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    for sent, wanted in ((body.replace(b"2026", b"2025"), 401), (body, 201)):
        more: Any = {"environ_overrides": chunked, "content_type": "application/json", "input_stream": io.BytesIO(sent)}
        reply: Any = client.open(f"{API}/graduates", method="POST", headers=headers, **more)
        assert reply.status_code == wanted, reply.json


def test_more_than_the_limit_is_not_read(client: FlaskClient, signer: Signer) -> None:
    body = b'"' + b"x" * (600 * 1024) + b'"'
    headers = signer.headers("POST", f"{API}/graduates", body, **{"Idempotency-Key": KEY})
    reply = client.post(f"{API}/graduates", data=body, headers=headers, content_type="application/json")
    assert code(reply) == (413, "too_large")


# --- refused ----------------------------------------------------------------------------------------------------------


def test_whatever_is_altered_is_refused(client: FlaskClient, signer: Signer, lantai: Lantai) -> None:
    body = json.dumps(record(1)).encode()
    path = f"{API}/graduates"
    headers = signer.headers("POST", path, body, **{"Idempotency-Key": KEY})

    def send(data: bytes = body, to: str = path, **changes: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in changes.items()}
        return client.post(to, data=data, headers=headers | named, content_type="application/json")

    other = body.replace(b"2022000001", b"2022000002")
    assert code(send(other)) == (401, "digest_mismatch")
    assert code(send(other, Content_Digest=digest_of(other))) == (401, "signature_wrong")
    assert code(send(to=f"{path}?name=x")) == (401, "signature_wrong")
    assert code(send(to=path.replace("graduates", "notices"))) == (401, "signature_wrong")
    assert code(send(to=path.replace("graduates", "%67raduates"))) == (401, "signature_wrong")
    assert code(send(Host="archive.example")) == (401, "signature_wrong")
    # withheld and delivered later under another key it would take effect twice
    assert code(send(Idempotency_Key="a-key-0002")) == (401, "signature_wrong")
    assert code(send(If_Match='"1"')) == (401, "signature_missing_component")
    as_text = client.post(path, data=body, headers=headers, content_type="text/plain")
    assert code(as_text) == (401, "signature_wrong")
    inputs = headers["Signature-Input"]
    assert code(send(Signature_Input=inputs.replace("@target-uri", "@path"))) == (
        401,
        "signature_missing_component",
    )
    assert code(send(Signature_Input=inputs.replace("nonce=", "tag="))) == (401, "signature_missing_component")
    assert code(send(Content_Digest="md5=:AAAA:")) == (401, "signature_wrong")
    assert not on_file(lantai, 1)
    # none of them has spent the nonce
    assert send().status_code == 201


def test_each_refusal_says_what_is_wanted(client: FlaskClient, signer: Signer, clock: FakeClock) -> None:
    bare = replace(signer, cover=("@method",), said={"nonce": None})
    reply = bare.call(client, "POST", "/graduates", record(1), KEY)
    assert code(reply) == (401, "signature_missing_component")
    assert reply.json["components"] == ["@target-uri", "content-digest", "content-type", "idempotency-key", "nonce"]
    wanted = '"@method" "@target-uri" "content-digest" "content-type" "idempotency-key" "if-match"'
    assert reply.headers["Accept-Signature"] == f"lantai=({wanted});created"
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    now = int(clock.now().timestamp())
    said: dict[str, Any]
    for said in ({"created": now - 301}, {"created": now + 301}, {"expires": now}):
        late = replace(signer, said=said).call(client, "GET", "/batches/00000000-0000-0000-0000-000000000000")
        assert code(late) == (401, "signature_expired")
        assert late.json["server_time"] == "2026-06-01T01:00:00Z"
    for said in ({"created": now - 300}, {"created": now + 300}, {"expires": now + 1}, {"nonce": None}):
        reply = replace(signer, said=said).call(client, "GET", "/batches/00000000-0000-0000-0000-000000000000")
        assert reply.status_code == 404, said
    unknown = replace(signer, key_id="lantai_unknown").call(client, "GET", "/reasons")
    assert code(unknown) == (401, "credential_refused")
    wrong = replace(signer, sign=by_secret("x")).call(client, "GET", "/reasons")
    assert code(wrong) == (401, "signature_wrong")
    mute = client.get(f"{API}/reasons", headers={"Signature": "sig1=:AAAA:"})
    assert code(mute) == (401, "signature_malformed")
    twice = signer.headers("GET", f"{API}/reasons") | {"Content-Digest": "sha-256=:AAAA:"}
    assert code(client.get(f"{API}/reasons", headers=twice)) == (403, "scope_required")


def test_a_signature_is_never_passed_over_for_a_token(client: FlaskClient, lantai: Lantai, signer: Signer) -> None:
    credential = lantai.partners.rotate(NAME, timedelta(0))
    headers: dict[str, Any] = {"Authorization": f"Bearer {credential}"}
    missing = f"{API}/batches/00000000-0000-0000-0000-000000000000"
    assert client.get(missing, headers=headers).status_code == 404
    signed = replace(signer, sign=by_secret("x")).headers("GET", missing, **headers)
    assert code(client.get(missing, headers=signed)) == (401, "signature_wrong")


def test_a_replay_is_refused_until_its_signature_is_too_old(
    client: FlaskClient, signer: Signer, clock: FakeClock
) -> None:
    body = json.dumps(record(1)).encode()
    headers = signer.headers("POST", f"{API}/graduates", body, **{"Idempotency-Key": KEY})

    def send() -> Any:
        return client.post(f"{API}/graduates", data=body, headers=headers, content_type="application/json")

    assert send().status_code == 201
    assert code(send()) == (401, "signature_replayed")
    clock.advance(seconds=301)
    assert code(send()) == (401, "signature_expired")
    # the same nonce is another's own
    assert signer.call(client, "POST", "/graduates", record(1), KEY).status_code == 200


def test_of_many_at_once_with_one_signature_one_gets_in(app: Flask, signer: Signer) -> None:
    body = json.dumps(record(1)).encode()
    headers = signer.headers("POST", f"{API}/graduates", body, **{"Idempotency-Key": KEY})
    codes: list[int] = []

    def send() -> None:
        reply = app.test_client().post(f"{API}/graduates", data=body, headers=headers, content_type="application/json")
        codes.append(reply.status_code)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [201, *[401] * 7]


def test_the_body_of_a_replay_is_not_read(client: FlaskClient, signer: Signer) -> None:
    body = json.dumps(record(1)).encode()
    headers = signer.headers("POST", f"{API}/graduates", body, **{"Idempotency-Key": KEY})
    assert client.post(f"{API}/graduates", data=body, headers=headers).status_code == 201
    stream = io.BytesIO(body)
    more: Any = {"content_length": len(body), "input_stream": stream}
    assert code(client.open(f"{API}/graduates", method="POST", headers=headers, **more)) == (401, "signature_replayed")
    assert stream.tell() == 0


class _Away:
    def set(self, *_: object, **__: object) -> None:
        raise RedisAway

    exists = set


def test_without_redis_no_replay_is_let_in_but_reading_goes_on(
    client: FlaskClient, signer: Signer, lantai: Lantai, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lantai.machine_keys, "_nonces", RedisNonces(_Away()))  # type: ignore[arg-type]
    reply = signer.call(client, "POST", "/graduates", record(1), KEY)
    assert code(reply) == (503, "nonces_unavailable")
    assert reply.headers["Retry-After"] == "5"
    assert not on_file(lantai, 1)
    reading = replace(signer, said={"nonce": None})
    assert reading.call(client, "GET", "/batches/00000000-0000-0000-0000-000000000000").status_code == 404
