"""The machines' door, proved by requests: nobody else gets in, and another's ids are as good as absent."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from auth.guards import STAFF_COOKIE
from auth.models import PartnerClient
from parts import Lantai
from tests.conftest import ApiClient, Person, StaffLogin
from tests.electronic import CODE
from tests.open_routes import PUBLIC
from tests.owned import Owned, make_owned
from tests.test_routes import as_bearer, routes


@pytest.fixture
def owned(
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    staff_factory: Callable[..., StaffLogin],
    lantai: Lantai,
    run_jobs: Callable[[], None],
) -> Owned:
    return make_owned(graduate_factory, signed_in, staff_factory, lantai, run_jobs)


def test_the_machines_door_lets_nobody_else_in(app: Flask, owned: Owned, lantai: Lantai) -> None:
    """Nobody, a graduate, staff by bearer and by cookie, a closed client, a made-up credential, and a wrong scope."""
    staff_token = owned.staff.client.get_cookie(STAFF_COOKIE, path="/console")
    assert staff_token is not None
    with_cookie = app.test_client()
    with_cookie.set_cookie(STAFF_COOKIE, staff_token.value, path="/")
    _, closed = lantai.partners.add("停用的系统", ["dossiers:push"])
    lantai.partners.disable("停用的系统")
    other_id, other = lantai.partners.add("没有权限的系统", ["dossiers:push"])
    with lantai.db.transaction() as session:
        session.get_one(PartnerClient, other_id).scopes = ["elsewhere:read"]
    callers: dict[str, tuple[FlaskClient, dict[str, Any], int, str]] = {
        "nobody": (app.test_client(), {}, 401, "credential_required"),
        "staff by cookie": (with_cookie, {}, 401, "credential_required"),
        "graduate": (app.test_client(), as_bearer(owned.http.token), 401, "credential_refused"),
        "staff by bearer": (app.test_client(), as_bearer(staff_token.value), 401, "credential_refused"),
        "closed": (app.test_client(), as_bearer(closed), 401, "credential_refused"),
        "made up": (
            app.test_client(),
            as_bearer(base64.urlsafe_b64encode(bytes(32)).decode()),
            401,
            "credential_refused",
        ),
        "without the scope": (app.test_client(), as_bearer(other), 403, "scope_required"),
    }
    tried = 0
    for route in routes(app, "/partner/api/"):
        if route.name in PUBLIC:
            continue
        for who, (http, extra, status, code) in callers.items():
            reply: Any = http.open(route.path(owned.values), method=route.method, **extra)
            assert (reply.status_code, reply.json["code"]) == (status, code), (route.name, who)
            assert (status == 401) is ("WWW-Authenticate" in reply.headers), (route.name, who)
            tried += 1
    assert tried >= 6 * len(callers)


def test_another_clients_batch_is_answered_exactly_like_an_absent_one(app: Flask, owned: Owned, lantai: Lantai) -> None:
    _, credential = lantai.partners.add("别的系统", ["dossiers:push"])
    matrix = [r for r in routes(app, "/partner/api/") if r.ids == ["batch_id"]]
    assert len(matrix) >= 4
    for route in matrix:
        replies: list[Any] = [
            app.test_client().open(route.path({"batch_id": batch}), method=route.method, **as_bearer(credential))
            for batch in (owned.values["pushed_id"], uuid.uuid4())
        ]
        assert [r.status_code for r in replies] == [404, 404], route.name
        foreign, absent = ({k: v for k, v in r.json.items() if k != "request_id"} for r in replies)
        assert foreign == absent, route.name


WEBHOOK_WORDS: dict[str, dict[str, Any]] = {
    "secret": {"overlap_hours": 0},
    "replay": {"ids": [str(uuid.uuid4())]},
    "<uuid:webhook_id>": {"enabled": False},
}


def test_another_clients_webhook_is_answered_exactly_like_an_absent_one(
    app: Flask, owned: Owned, lantai: Lantai
) -> None:
    _, credential = lantai.partners.add("别的机器人", ["events:subscribe"])
    matrix = [r for r in routes(app, "/partner/api/") if r.ids == ["webhook_id"]]
    assert len(matrix) >= 7
    for n, route in enumerate(matrix):
        body = WEBHOOK_WORDS.get(route.rule.rule.rsplit("/", 1)[1]) if route.method in ("POST", "PATCH") else None
        replies: list[Any] = []
        for m, webhook in enumerate((owned.values["webhook_id"], uuid.uuid4())):
            more = as_bearer(credential)
            more["headers"]["Idempotency-Key"] = f"a-key-{n}-{m}"
            replies.append(
                app.test_client().open(route.path({"webhook_id": webhook}), method=route.method, json=body, **more)
            )
        assert [r.status_code for r in replies] == [404, 404], route.name
        foreign, absent = ({k: v for k, v in r.json.items() if k != "request_id"} for r in replies)
        assert foreign == absent, route.name


PACKAGE_WORDS: dict[str, dict[str, Any]] = {
    "acknowledgement": {"sha256": "0" * 64, "size": 1},
    "check": {"outcome": "failed"},
    "decision": {"decision": "rejected", "reasons": ["check_failed"]},
    "receipt": {"manifest_sha256": "0" * 64, "number": "HR-1", "issued_on": "2026-06-01"},
}


def test_another_receivers_package_is_answered_exactly_like_an_absent_one(
    app: Flask, owned: Owned, lantai: Lantai
) -> None:
    _, foreign_credential = lantai.partners.add("别的接收单位", ["dossiers:receive"], "HR-OTHER")
    _, own_credential = lantai.partners.add("接收单位", ["dossiers:receive"], CODE)
    matrix = [r for r in routes(app, "/partner/api/") if r.ids == ["package_id"]]
    assert {r.rule.rule.rsplit("/", 1)[1] for r in matrix} >= set(PACKAGE_WORDS)
    for n, route in enumerate(matrix):
        body = PACKAGE_WORDS.get(route.rule.rule.rsplit("/", 1)[1])
        replies: list[Any] = []
        for m, package in enumerate((owned.values["package_id"], uuid.uuid4())):
            more = as_bearer(foreign_credential)
            more["headers"]["Idempotency-Key"] = f"a-key-{n}-{m}"
            replies.append(
                app.test_client().open(route.path({"package_id": package}), method=route.method, json=body, **more)
            )
        assert [r.status_code for r in replies] == [404, 404], route.name
        foreign, absent = ({k: v for k, v in r.json.items() if k != "request_id"} for r in replies)
        assert foreign == absent, route.name
    # and its own receiver does see it, so that the absence above is no accident
    path = f"/partner/api/v1/packages/{owned.values['package_id']}"
    assert app.test_client().get(path, **as_bearer(own_credential)).status_code == 200
