"""The permission table is true of every route, and says of administrators and auditors what the house promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask

from app.actors import Role
from staff_console.permissions import PERMISSIONS, Permission, on_paper, permission_for
from tests.open_routes import PUBLIC
from tests.staff_console.conftest import Desk
from tests.test_routes import Route, routes

Desks = Callable[..., Desk]
DOSSIER = ("/console/graduates", "/console/records", "/console/materials", "/console/uploads", "/console/tickets")


def guarded(app: Flask) -> list[Route]:
    return [r for r in routes(app, "/console") if r.name not in PUBLIC]


def allowed(route: Route) -> set[Role]:
    words = route.policy.removeprefix("staff ")
    return set(Role) if words == "any" else {Role(w) for w in words.split(",")}


def line_of(route: Route) -> Permission:
    found = permission_for(route.method, route.rule.rule)
    assert found is not None, f"{route.name} is in no line of staff_console/permissions.py"
    return found


def test_every_route_is_in_the_table_with_just_its_roles(app: Flask) -> None:
    for route in guarded(app):
        line = line_of(route)
        assert set(line.roles) == allowed(route), (route.name, line.deed)


def test_every_line_is_about_some_route(app: Flask) -> None:
    used = {line_of(route).deed for route in guarded(app)}
    assert used == {line.deed for line in PERMISSIONS}


def test_administrators_read_no_dossier(app: Flask, desk: Desks) -> None:
    """By table and by request, the roles of an administrator alone open nothing of a dossier."""
    administrator, tried = desk(Role.ADMINISTRATOR), 0
    for route in guarded(app):
        # who works for which college names colleagues and colleges, no graduate
        if route.rule.rule.startswith(DOSSIER) and route.rule.rule != "/console/tickets/teams":
            assert Role.ADMINISTRATOR not in line_of(route).roles, route.name
            values: dict[str, object] = {a: uuid4() for a in route.rule.arguments}
            values |= {a: 1 for a in route.rule.arguments if a == "number"}
            reply = administrator.login.client.open(
                route.path(values), method=route.method, data={"csrf_token": administrator.login.csrf}
            )
            assert reply.status_code == 403, route.name
            tried += 1
    assert tried > 30


def test_auditors_only_read_and_never_a_dossier(app: Flask) -> None:
    open_to = [r for r in guarded(app) if r.policy != "staff any" and Role.AUDITOR in allowed(r)]
    assert not [r.name for r in open_to if r.rule.rule.startswith(DOSSIER)]
    # a run of the integrity check opens nothing and changes nothing but its own findings
    assert [r.name for r in open_to if r.method != "GET"] == ["POST /console/fixity/run"]


@pytest.mark.parametrize("role", list(Role))
def test_everybody_may_read_the_table(role: Role, desk: Desks) -> None:
    page = desk(role).read("/permissions").text
    for line in PERMISSIONS:
        assert line.deed in page


def test_the_table_on_paper_is_this_one() -> None:
    assert Path("docs/permissions.md").read_text("utf-8").splitlines() == list(on_paper())
