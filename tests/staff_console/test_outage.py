"""The page that tells of an outage must not need what is away."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from flask import Flask, g

from app.actors import Role
from app.errors import Unavailable
from app.problems import problem_of
from auth.guards import STAFF_COOKIE
from parts import Lantai
from providers.embedded.services import ServiceUrls
from staff_console.problems import render_console_problem
from tests.conftest import StaffLogin
from wiring import libpq_url


def test_the_database_dying_after_the_guard_is_still_a_503_page(
    app: Flask, lantai: Lantai, staff_factory: Callable[..., StaffLogin], urls: ServiceUrls
) -> None:
    staff = staff_factory(Role.ARCHIVIST)
    cookie = staff.client.get_cookie(STAFF_COOKIE, path="/console")
    assert cookie is not None
    view = lantai.sessions.resolve(cookie.value)
    owner, name = libpq_url(urls.database_owner_url).rsplit("/", 1)
    with (
        psycopg.connect(libpq_url(urls.database_url), autocommit=True) as inside,
        psycopg.connect(f"{owner}/postgres", autocommit=True) as outside,
    ):
        outside.execute(f"alter database {name} allow_connections false".encode())
        inside.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and pid <> pg_backend_pid()",
            (name,),
        )
        with app.test_request_context("/console/tickets"):
            g.lantai_session = view
            response = render_console_problem(problem_of(Unavailable("database_unavailable"), english=False))
        outside.execute(f"alter database {name} allow_connections true".encode())
    assert response.status_code == 503
    assert response.mimetype == "text/html"
