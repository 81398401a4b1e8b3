"""Default-deny, proved by requests: every route of every door as somebody who may not, and every id as somebody else's.

The routes come from the URL map, so a new one is tested without being written down here."""

from __future__ import annotations

import base64
import io
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from app.actors import Actor, Purpose, Role
from app.errors import DomainError
from auth.guards import STAFF_COOKIE, policy_of, unguarded_routes
from parts import Lantai
from tests.conftest import ApiClient, Person, StaffLogin
from tests.fakes import FakeClock
from tests.open_routes import PUBLIC
from tests.owned import Owned, make_owned


@dataclass(frozen=True)
class Route:
    method: str
    rule: Rule
    policy: str

    @property
    def name(self) -> str:
        return f"{self.method} {self.rule.rule}"

    def path(self, values: dict[str, object]) -> str:
        found = self.rule.build({a: values[a] for a in self.rule.arguments}, append_unknown=False)
        assert found is not None
        return str(found[1])

    @property
    def ids(self) -> list[str]:
        return sorted(a for a in self.rule.arguments if a.endswith("_id"))


def routes(app: Flask, prefix: str = "/") -> Iterator[Route]:
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(prefix):
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield Route(method, rule, policy_of(app.view_functions[rule.endpoint]) or "")


@pytest.fixture
def owned(
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    staff_factory: Callable[..., StaffLogin],
    lantai: Lantai,
    run_jobs: Callable[[], None],
) -> Owned:
    return make_owned(graduate_factory, signed_in, staff_factory, lantai, run_jobs)


def test_every_view_has_a_policy_and_the_public_ones_are_written_down(app: Flask) -> None:
    assert unguarded_routes(app) == []
    public = {r.name: r.policy for r in routes(app) if r.policy.startswith("public")}
    assert sorted(public) == sorted(PUBLIC)
    guarded = [r for r in routes(app) if r.name not in PUBLIC]
    assert len(guarded) > 60
    doors = {"/api/": "graduate ", "/partner/api/": "partner ", "/console": "staff ", "/metrics": "operator "}
    for route in guarded:
        door = next(words for prefix, words in doors.items() if route.rule.rule.startswith(prefix))
        assert route.policy.startswith(door), route.name


def as_bearer(token: str) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {token}"}}


def test_the_graduates_door_lets_nobody_else_in(
    app: Flask,
    owned: Owned,
    signed_in: Callable[..., ApiClient],
    graduate_factory: Callable[..., Person],
    api: Callable[[], ApiClient],
    lantai: Lantai,
) -> None:
    """Nobody, staff by cookie and by bearer, a revoked session: 401 on every guarded route."""
    revoked = signed_in(graduate_factory())
    assert revoked.delete("/sessions/current").status_code == 204
    staff_token = owned.staff.client.get_cookie(STAFF_COOKIE, path="/console")
    assert staff_token is not None
    with_cookie = app.test_client()
    with_cookie.set_cookie(STAFF_COOKIE, staff_token.value, path="/")
    with_cookie.set_cookie(STAFF_COOKIE, owned.http.token, path="/api")
    callers: dict[str, tuple[FlaskClient, dict[str, Any]]] = {
        "nobody": (app.test_client(), {}),
        "staff by cookie": (with_cookie, {}),
        "staff by bearer": (app.test_client(), as_bearer(staff_token.value)),
        "revoked": (app.test_client(), as_bearer(revoked.token)),
        "made up": (app.test_client(), as_bearer(base64.urlsafe_b64encode(bytes(32)).decode())),
    }
    tried = 0
    for route in routes(app, "/api/"):
        if route.name in PUBLIC:
            continue
        for who, (http, extra) in callers.items():
            reply: Any = http.open(route.path(owned.values), method=route.method, **extra)
            assert reply.status_code == 401, (route.name, who, reply.status_code)
            assert reply.json["code"] in ("session_required", "session_expired")
            assert reply.headers["WWW-Authenticate"].startswith("Bearer")
            tried += 1
    assert tried > 180
    assert owned.http.get("/me").status_code == 200


def test_stale_sessions_are_refused_everywhere(app: Flask, owned: Owned, clock: FakeClock) -> None:
    clock.advance(minutes=31)
    for route in routes(app, "/api/"):
        if route.name not in PUBLIC:
            reply: Any = app.test_client().open(
                route.path(owned.values), method=route.method, **as_bearer(owned.http.token)
            )
            assert (reply.status_code, reply.json["code"]) == (401, "session_expired"), route.name
    for route in routes(app, "/console"):
        if route.name not in PUBLIC:
            reply = owned.staff.client.open(
                route.path(owned.values), method=route.method, data={"csrf_token": owned.staff.csrf}
            )
            assert reply.status_code == 303, route.name
            assert reply.location.startswith("/console/sign-in"), route.name


def test_a_graduate_without_enough_assurance_is_told_what_is_lacking(
    app: Flask,
    owned: Owned,
    api: Callable[[], ApiClient],
    signed_in: Callable[..., ApiClient],
    graduate_factory: Callable[..., Person],
) -> None:
    """An unbound account, a bound one without a proof, and one without a fresh step-up."""
    unbound = api()
    unbound.token = unbound.post("/sessions", json={"platform": "wechat", "code": "code-for:new"}).json["access_token"]
    level2 = signed_in(graduate_factory(), level=2)
    level0 = api()
    open_id = f"open-{owned.person.id.hex[:8]}-1"
    level0.token = level0.post("/sessions", json={"platform": "wechat", "code": f"code-for:{open_id}:z"}).json[
        "access_token"
    ]
    seen: dict[str, set[str]] = {who: set() for who in ("unbound", "level0", "level2")}
    for route in routes(app, "/api/"):
        expected = {
            "unbound": ("binding_required", unbound, "bound=True" in route.policy),
            "level0": ("step_up_required", level0, "L2_PROOFED" in route.policy or "purpose=None" not in route.policy),
            "level2": ("step_up_required", level2, "purpose=None" not in route.policy),
        }
        if route.name in PUBLIC:
            continue
        for who, (code, http, applies) in expected.items():
            if not applies:
                continue
            reply: Any = http.http.open(route.path(owned.values), method=route.method, **as_bearer(http.token))
            assert (reply.status_code, reply.json["code"]) == (403, code), (route.name, who)
            assert {"factors", "required_level", "purpose"} <= set(reply.json), (route.name, who)
            seen[who].add(route.name)
    assert (len(seen["unbound"]) > 25, len(seen["level0"]) > 18, len(seen["level2"]) > 5) == (True, True, True)


def test_the_console_lets_nobody_else_in(app: Flask, owned: Owned, staff_factory: Callable[..., StaffLogin]) -> None:
    """Nobody, a graduate's token as bearer and as cookie, a signed-out member of staff: the way to sign in."""
    gone = staff_factory(Role.ARCHIVIST)
    assert gone.client.post("/console/sign-out", data={"csrf_token": gone.csrf}).status_code == 303
    assert gone.client.get_cookie(STAFF_COOKIE, path="/console") is None
    cookie = app.test_client()
    cookie.set_cookie(STAFF_COOKIE, owned.http.token, path="/console")
    callers: dict[str, tuple[FlaskClient, dict[str, Any]]] = {
        "nobody": (app.test_client(), {}),
        "graduate by bearer": (app.test_client(), as_bearer(owned.http.token)),
        "graduate by cookie": (cookie, {}),
    }
    for route in routes(app, "/console"):
        if route.name in PUBLIC:
            continue
        for who, (http, extra) in callers.items():
            reply = http.open(route.path(owned.values), method=route.method, **extra)
            assert reply.status_code == 303, (route.name, who, reply.status_code)
            assert reply.location.startswith("/console/sign-in"), (route.name, who)
        part = app.test_client().open(route.path(owned.values), method=route.method, headers={"HX-Request": "true"})
        assert (part.status_code, part.data) == (401, b""), route.name


def test_wrong_roles_and_forms_without_their_token(
    app: Flask, owned: Owned, staff_factory: Callable[..., StaffLogin]
) -> None:
    by_role = {role: staff_factory(role) for role in Role}
    refused = 0
    for route in routes(app, "/console"):
        if route.name in PUBLIC:
            continue
        allowed = route.policy.removeprefix("staff ").split(",")
        for role, member in by_role.items():
            path = route.path({**owned.values, "staff_id": uuid.uuid4(), "session_id": uuid.uuid4()})
            if route.method == "POST":
                forged = member.client.post(path, data={})
                assert forged.status_code == 403, (route.name, role)
                other = next(m for r, m in by_role.items() if r is not role)
                swapped = member.client.post(path, data={"csrf_token": other.csrf})
                assert swapped.status_code == 403, (route.name, role)
            if allowed != ["any"] and role.value not in allowed:
                reply = member.client.open(path, method=route.method, data={"csrf_token": member.csrf})
                assert reply.status_code == 403, (route.name, role)
                refused += 1
    assert refused > 60
    assert all(m.client.get("/console/").status_code == 200 for m in by_role.values())  # nobody was signed out


def test_services_refuse_actors_that_slipped_past_a_guard(
    lantai: Lantai, owned: Owned, graduate_factory: Callable[..., Person]
) -> None:
    """The second wall: what a door forgets, the room refuses."""
    nobody = Actor(owned.staff.actor.kind, owned.staff.id)
    auditor = Actor(owned.staff.actor.kind, owned.staff.id, roles=frozenset({Role.AUDITOR, Role.ADMINISTRATOR}))
    stranger = graduate_factory().actor(Purpose.VIEW_DOSSIER, now=lantai.clock.now())
    ticket, dossier = uuid.UUID(str(owned.values["ticket_id"])), owned.person.dossier_id
    for actor in (nobody, auditor, stranger):
        for call in (
            lambda a: lantai.desk.ticket(a, ticket),
            lambda a: lantai.desk.queue(a),
            lambda a: lantai.dossiers.catalogue(a, dossier),
            lambda a: lantai.dossiers.record(a, uuid.UUID(str(owned.values["record_id"]))),
            lambda a: lantai.transfers.under_way(a),
            lambda a: lantai.transfers.of_graduate(a, owned.person.id),
            lambda a: lantai.people.find_by_student_number(a, owned.person.card.student_number),
        ):
            with pytest.raises(DomainError) as caught:
                call(actor)
            assert caught.value.code.endswith(("_required", "_not_found")), caught.value.code


# --- every id as somebody else's --------------------------------------------------------------------------------------

BODIES: dict[str, dict[str, Any]] = {
    "/api/v1/me/contacts/<uuid:contact_id>/verification": {"code": "000000"},
    "/api/v1/corrections/<uuid:ticket_id>/messages": {"text": "补充"},
    "/api/v1/corrections/<uuid:ticket_id>/appeal": {"text": "请复核"},
    "/api/v1/corrections/<uuid:ticket_id>/satisfaction": {"score": 5},
    "/api/v1/transfers/<uuid:transfer_id>/destination": {"case": "unemployed", "receiver": "GG-330100"},
    "/api/v1/verifications/<uuid:verification_id>/proof": {"code": "AAAAA-AAAAA"},
    "/api/v1/verifications/<uuid:verification_id>/frames": {
        "frames": [{"action": 0, "at_ms": 0, "mac": "0" * 64, "image": "AAAA"}]
    },
}


def test_a_foreign_id_is_answered_exactly_like_an_absent_one(
    app: Flask,
    owned: Owned,
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
) -> None:
    reader, mover = signed_in(graduate_factory()), signed_in(graduate_factory(), purpose="destination")
    keeper = signed_in(graduate_factory(), purpose="manage_account")
    matrix = [r for r in routes(app, "/api/") if r.ids]
    assert len(matrix) >= 14
    for n, route in enumerate(matrix):
        replies = []
        for kind, values in (("foreign", owned.values), ("absent", {i: uuid.uuid4() for i in route.ids})):
            headers = {"Idempotency-Key": f"bola-{kind}-{n:04d}", "If-Match": '"1"'}
            extra = {"json": BODIES[route.rule.rule]} if route.rule.rule in BODIES else {}
            path = route.path({**owned.values, **values}).removeprefix("/api/v1")
            intruder = mover if path.endswith("/destination") else keeper if "/contacts/" in path else reader
            replies.append(intruder.call(route.method, path, headers=headers, **extra))
        foreign, absent = replies
        assert foreign.status_code == absent.status_code == 404, (route.name, foreign.status_code, foreign.data)
        bodies = [{k: v for k, v in r.json.items() if k != "request_id"} for r in replies]
        assert bodies[0] == bodies[1], route.name
        headers_of = [{k: v for k, v in r.headers if k != "X-Request-Id"} for r in replies]
        assert headers_of[0] == headers_of[1], route.name
    # and nothing of the owner's was touched
    ticket = owned.http.get(f"/corrections/{owned.values['ticket_id']}").json
    assert (ticket["state"], len(ticket["timeline"]), ticket["messages"]) == ("submitted", 1, [])
    assert owned.http.get(f"/verifications/{owned.values['verification_id']}").json["state"] == "waiting"
    assert len(owned.http.get("/me/identities").json["items"]) == 1
    assert all(n["read_at"] is None for n in owned.http.get("/notices").json["items"])


def test_ids_inside_a_body_are_no_way_round(
    owned: Owned, graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient]
) -> None:
    intruder = signed_in(graduate_factory())

    def ask(key: str, **changes: Any) -> dict[str, Any]:
        body = {"kind": "other", "statement": "x", **changes}
        reply = intruder.post("/corrections", json=body, headers={"Idempotency-Key": f"{key}-000001"})
        assert reply.status_code in (404, 422)
        return {k: v for k, v in reply.json.items() if k != "request_id"}

    absent = str(uuid.uuid4())
    for name, value, nothing in (
        ("record_id", owned.values["record_id"], absent),
        ("evidence_ids", [owned.values["evidence_id"]], [absent]),
    ):
        assert ask(f"foreign-{name}", **{name: value}) == ask(f"absent-{name}", **{name: nothing})


def test_the_console_answers_absent_ids_with_its_not_found_page(app: Flask, owned: Owned) -> None:
    seen = 0
    for route in routes(app, "/console"):
        allowed = route.policy.removeprefix("staff ").split(",")
        if not route.ids or route.name in PUBLIC or not {"any", "archivist"} & set(allowed):
            continue
        absent = {**owned.values, **{i: uuid.uuid4() for i in route.ids}}
        form = {
            "csrf_token": owned.staff.csrf,
            "version": "1",
            **dict.fromkeys(("text", "explanation", "receiver_name", "receiver_address", "passkey_name"), "x"),
            **dict.fromkeys(("identity_checked", "understood"), "yes"),
            "reason": "other",
            "to": "me",
            "doing": "viewing",
            "macro": str(uuid.uuid4()),
            "document_kind": "id_card",
            "channel": "ems",
            "target": "destination_registered",
            "cohort": (io.BytesIO(b"x"), "a.csv"),
        }
        sent: Any = {"data": form} if route.method == "POST" else {}
        reply = owned.staff.client.open(route.path(absent), method=route.method, **sent)
        assert reply.status_code == 404, (route.name, reply.status_code)
        seen += 1
    assert seen >= 14
    path = f"/console/tickets/{uuid.uuid4()}/evidence/{owned.values['evidence_id']}"
    assert owned.staff.client.get(path).status_code == 404
