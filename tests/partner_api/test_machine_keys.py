"""Keys of machines: made, rotated, revoked; their time, scopes, limits and forms."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.actors import SYSTEM
from app.errors import Conflict, Invalid, NotFound
from app.events import Event
from auth.machine_keys import MOST_KEYS, NewKey, public_key_in
from auth.machine_models import MachineKey
from auth.models import PartnerClient
from parts import Lantai
from tests.fakes import FakeClock
from tests.partner_api.signing import API, Signer, by_secret, code, ed25519_signer, hmac_signer

NAME = "校园系统"


@pytest.fixture
def client_id(lantai: Lantai) -> Any:
    return lantai.partners.add(NAME, ["dossiers:push", "notices:send"])[0]


def refused(client: FlaskClient, signer: Signer) -> bool:
    reply = signer.call(client, "GET", "/batches/00000000-0000-0000-0000-000000000000")
    assert code(reply) in ((401, "credential_refused"), (404, "batch_not_found")), reply.json
    return bool(reply.status_code == 401)


def test_keys_overlap_while_one_replaces_another(
    client: FlaskClient, lantai: Lantai, clock: FakeClock, client_id: Any
) -> None:
    first = hmac_signer(lantai, clock, NAME, scopes=("dossiers:push",), per_minute=50)
    made = lantai.machine_keys.rotate(first.key_id, timedelta(hours=1))
    second = Signer(made.key_id, by_secret(made.secret or ""), clock)
    assert not refused(client, first)
    assert not refused(client, second)
    clock.advance(hours=1)
    assert refused(client, first)
    assert not refused(client, second)
    view = next(k for k in lantai.machine_keys.all() if k.key_id == second.key_id)
    assert (view.scopes, view.per_minute, view.expires_at) == (("dossiers:push",), 50, None)
    lantai.machine_keys.revoke(second.key_id)
    assert refused(client, second)
    with pytest.raises(Conflict, match="credential_refused"):
        lantai.machine_keys.rotate(second.key_id, timedelta(0))
    third = ed25519_signer(lantai, clock, NAME)
    with pytest.raises(Invalid, match="machine_key_refused"):
        lantai.machine_keys.rotate(third.key_id, timedelta(0))
    with pytest.raises(Invalid, match="machine_key_refused"):
        lantai.machine_keys.rotate(hmac_signer(lantai, clock, NAME).key_id, timedelta(0), bytes(32))


def test_rotation_never_widens_a_key(lantai: Lantai, clock: FakeClock, client_id: Any) -> None:
    signer = hmac_signer(lantai, clock, NAME, scopes=("dossiers:push",))
    with lantai.db.transaction() as session:
        session.get_one(PartnerClient, client_id).scopes = ["notices:send"]
    with pytest.raises(Conflict, match="machine_key_scopeless"):
        lantai.machine_keys.rotate(signer.key_id, timedelta(0))
    with pytest.raises(Conflict, match="machine_key_scopeless"):
        lantai.machine_keys.add(NAME, NewKey(scopes=()))
    assert [(k.key_id, k.expires_at) for k in lantai.machine_keys.all()] == [(signer.key_id, None)]
    lantai.machine_keys.add(NAME, NewKey())
    assert {k.scopes for k in lantai.machine_keys.all() if k.key_id != signer.key_id} == {("notices:send",)}


def test_a_replay_uses_up_nobodys_limit(client: FlaskClient, lantai: Lantai, clock: FakeClock, client_id: Any) -> None:
    signer = hmac_signer(lantai, clock, NAME, per_minute=3)
    path = f"{API}/batches/00000000-0000-0000-0000-000000000000"
    headers = signer.headers("GET", path)
    first: Any = client.get(path, headers=headers)
    assert first.headers["RateLimit"] == '"client";r=599;t=60, "key";r=2;t=60'
    for _ in range(5):
        assert code(client.get(path, headers=headers)) == (401, "signature_replayed")
    after: Any = client.get(path, headers=signer.headers("GET", path))
    assert after.headers["RateLimit"] == '"client";r=598;t=60, "key";r=1;t=60'


def test_a_key_has_its_time_and_its_client(
    client: FlaskClient, lantai: Lantai, clock: FakeClock, client_id: Any
) -> None:
    now = clock.now()
    signer = ed25519_signer(
        lantai, clock, NAME, not_before=now + timedelta(hours=1), expires_at=now + timedelta(hours=2)
    )
    assert refused(client, signer)
    clock.advance(hours=1)
    assert not refused(client, signer)
    clock.advance(hours=1)
    assert refused(client, signer)
    other = ed25519_signer(lantai, clock, NAME)
    assert not refused(client, other)
    lantai.partners.disable_by_staff(SYSTEM, client_id)
    assert refused(client, other)
    with pytest.raises(Conflict, match="credential_refused"):
        lantai.machine_keys.add(NAME, NewKey())


def test_a_key_opens_no_more_than_its_scopes_and_its_limit(
    client: FlaskClient, lantai: Lantai, clock: FakeClock, client_id: Any
) -> None:
    signer = hmac_signer(lantai, clock, NAME, scopes=("dossiers:push",), per_minute=2)
    missing = "/batches/00000000-0000-0000-0000-000000000000"
    first = signer.call(client, "GET", missing)
    assert first.headers["RateLimit-Policy"] == '"client";q=600;w=60, "key";q=2;w=60'
    assert first.headers["RateLimit"] == '"client";r=599;t=60, "key";r=1;t=60'
    reply = signer.call(client, "GET", "/notices/00000000-0000-0000-0000-000000000000")
    assert (code(reply), reply.json["scope"]) == ((403, "scope_required"), "notices:send")
    assert reply.headers["RateLimit"] == '"client";r=598;t=60, "key";r=0;t=60'
    over = signer.call(client, "GET", missing)
    assert code(over) == (429, "rate_limited")
    # what is left of the client's own was not asked about
    assert (over.headers["RateLimit-Policy"], over.headers["RateLimit"]) == ('"key";q=2;w=60', '"key";r=0;t=60')
    # another key of the client goes on
    assert hmac_signer(lantai, clock, NAME).call(client, "GET", missing).status_code == 404


def test_use_costs_one_write_a_day_and_keeping_is_logged(
    client: FlaskClient, lantai: Lantai, clock: FakeClock, client_id: Any
) -> None:
    signer = hmac_signer(lantai, clock, NAME)
    assert lantai.machine_keys.all()[0].last_used_on is None
    for _ in range(2):
        assert not refused(client, signer)
    assert lantai.machine_keys.all()[0].last_used_on == clock.now().date()
    clock.advance(days=1)
    assert not refused(client, signer)
    assert lantai.machine_keys.all()[0].last_used_on == clock.now().date()
    lantai.machine_keys.rotate(signer.key_id, timedelta(0))
    lantai.machine_keys.revoke(signer.key_id)
    with lantai.db.transaction() as session:
        found = session.execute(select(Event.type, Event.data).where(Event.object_id == client_id).order_by(Event.id))
        told = [(kind, data.get("key")) for kind, data in found]
        row = session.scalar(select(MachineKey).where(MachineKey.key_id == signer.key_id))
    assert [kind for kind, _ in told] == [
        "partner.added",
        "partner.key_added",
        "partner.key_rotated",
        "partner.key_revoked",
    ]
    assert told[1][1] == signer.key_id
    assert row is not None
    assert row.public_key is None


def test_what_makes_no_sense_is_no_key(lantai: Lantai, clock: FakeClock, client_id: Any) -> None:
    now = clock.now()
    add = lantai.machine_keys.add
    for wanted, word in (
        (NewKey(scopes=("events:subscribe",)), "unknown_scope"),
        (NewKey(per_minute=0), "machine_key_limit"),
        (NewKey(per_minute=601), "machine_key_limit"),
        (NewKey(expires_at=now), "machine_key_expiry"),
        (NewKey(not_before=now + timedelta(days=2), expires_at=now + timedelta(days=1)), "machine_key_expiry"),
        (NewKey(public_key=b"short"), "machine_key_refused"),
    ):
        with pytest.raises(Invalid, match=word):
            add(NAME, wanted)
    add(NAME, NewKey(public_key=bytes(32)))
    with pytest.raises(Invalid, match="machine_key_refused"):
        add(NAME, NewKey(public_key=bytes(32)))
    with pytest.raises(NotFound, match="partner_not_found"):
        add("没有的系统", NewKey())
    with pytest.raises(NotFound, match="machine_key_not_found"):
        lantai.machine_keys.revoke("lantai_none")
    for _ in range(MOST_KEYS - 1):
        add(NAME, NewKey())
    with pytest.raises(Conflict, match="too_many_machine_keys"):
        add(NAME, NewKey())


# RFC 8037, Appendix A.1 and A.2, and the same key as PEM
JWK = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
PEM = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
-----END PUBLIC KEY-----
"""


def test_public_keys_come_as_pem_or_jwk_and_private_ones_not_at_all() -> None:
    assert public_key_in(PEM) == public_key_in(json.dumps(JWK)) == public_key_in(f"\n {PEM}")
    private = JWK | {"d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}
    for text in (
        json.dumps(private),
        json.dumps(JWK | {"crv": "X25519"}),
        json.dumps(JWK | {"x": "AAAA"}),
        json.dumps(JWK | {"x": 1}),
        "{",
        "[]",
        "",
        PEM.replace("MCow", "MCox"),
        "{" * 100_000,
    ):
        with pytest.raises(Invalid, match="machine_key_refused"):
            public_key_in(text)
