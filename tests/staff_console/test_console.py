"""What holds for every page: default-deny, headers, assets, problems, and templates without inline code."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.errors import Unavailable
from app.web import respond
from auth.guards import policy_of
from staff_console import assets
from tests.staff_console.conftest import Desk

TEMPLATES = Path(assets.__file__).parent / "templates" / "console"
PUBLIC = {
    "console.static_file",
    "console.sign_in",
    "console.sign_in_done",
    "console.passkey_options",
    "console.passkey_sign_in",
    "console.welcome",
    "console.welcome_offer",
    "console.welcome_by_password",
    "console.welcome_passkey_options",
    "console.welcome_by_passkey",
}
ARGUMENTS = {"name": "console.css", "section": "course"}


def _routes(app: Flask) -> list[tuple[str, str, str]]:
    """(endpoint, method, address with ids filled in) of the whole console."""
    with app.test_request_context():
        adapter = app.url_map.bind("localhost")
        return [
            (
                rule.endpoint,
                method,
                adapter.build(rule.endpoint, {a: ARGUMENTS.get(a, uuid4()) for a in rule.arguments}),
            )
            for rule in app.url_map.iter_rules()
            if rule.endpoint.startswith("console.")
            for method in (rule.methods or set()) & {"GET", "POST"}
        ]


def test_every_route_says_who_may_enter(app: Flask) -> None:
    routes = _routes(app)
    assert len(routes) > 30
    policies = {name: policy_of(app.view_functions[name]) for name, _, _ in routes}
    assert None not in policies.values()
    assert {n for n, p in policies.items() if p and p.startswith("public")} == PUBLIC


def test_no_route_answers_a_stranger(app: Flask) -> None:
    client = app.test_client()
    for name, method, path in _routes(app):
        if name not in PUBLIC:
            answer = client.open(path, method=method)
            assert (answer.status_code, answer.location.split("?")[0]) == (303, "/console/sign-in"), name


def test_no_form_is_taken_without_the_token(app: Flask, desk: Callable[..., Desk]) -> None:
    client = desk().login.client
    for name, method, path in _routes(app):
        if method == "POST" and name not in PUBLIC:
            assert client.post(path, data={"csrf_token": "0" * 64}).status_code == 403, name


def test_a_form_without_a_session_is_not_taken_from_another_site(app: Flask) -> None:
    client = app.test_client()
    asked = [(name, path) for name, method, path in _routes(app) if method == "POST" and name in PUBLIC]
    assert len(asked) > 5
    for name, path in asked:
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}):
            assert client.post(path, headers=headers).status_code == 403, name


def test_a_graduates_token_opens_nothing_here(app: Flask) -> None:
    client = app.test_client()
    client.set_cookie("lantai_staff", "made-up", path="/console")
    assert client.get("/console/").status_code == 303


@pytest.mark.parametrize("path", ["/console/sign-in", "/console/nowhere", "/console/tickets/not-an-id"])
def test_strict_headers_stand_on_every_page(path: str, client: FlaskClient) -> None:
    answer = client.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "same-origin"


def test_an_unknown_address_gets_a_page_of_the_house(client: FlaskClient, desk: Callable[..., Desk]) -> None:
    answer = client.get("/console/nowhere")
    assert answer.status_code == 404
    assert "没有这个地址" in answer.text
    assert answer.headers["X-Request-Id"] in answer.text
    assert "兰台" in desk().get("/nowhere").text
    assert client.get("/api/v1/nowhere").content_type == "application/problem+json"


def test_a_failure_tells_nothing_but_its_number(app: Flask, lantai: object) -> None:
    with app.test_request_context("/console/"):
        answer = respond(Unavailable(extra={"retry_after": 9}))
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "9"
    assert "可在 9 秒后再试" in answer.get_data(as_text=True)
    assert "Content-Security-Policy" in answer.headers


def test_assets_are_versioned_and_kept_for_a_year(client: FlaskClient) -> None:
    page = client.get("/console/sign-in").text
    for name in ("console.css", "console.js", "htmx.js", "seal.svg"):
        url = assets.asset_url(name)
        assert url in page
        answer = client.get(url)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "htmx" in client.get("/console/static/htmx.js").text[:40]
    assert client.get("/console/static/../console.py").status_code == 404
    assert client.get("/console/static/base.html").status_code == 404


def test_templates_hold_no_inline_code() -> None:
    for template in TEMPLATES.glob("*.html"):
        html = template.read_text()
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", html), template.name
        assert "|safe" not in html.replace(" ", ""), template.name
        assert not re.search(r"(src|href)=\"(https?:)?//", html), template.name


def test_every_form_that_changes_something_carries_the_token() -> None:
    for template in TEMPLATES.glob("*.html"):
        for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", template.read_text(), re.S):
            sessionless = re.search(r"action=\"/console/(sign-in|welcome)", form)
            assert sessionless or "hidden_csrf()" in form, template.name


def test_every_field_has_a_label() -> None:
    for template in TEMPLATES.glob("*.html"):
        html = template.read_text()
        labels = set(re.findall(r"<label[^>]* for=\"([^\"]+)\"", html))
        for tag in re.findall(r"<(?:input|select|textarea)[^>]*>", html):
            if any(f'type="{kind}"' in tag for kind in ("hidden", "checkbox", "radio")):  # inside their labels
                continue
            found = re.search(r"\sid=\"([^\"]+)\"", tag)
            assert found is not None, (template.name, tag)
            assert found[1] in labels, (template.name, found[1])
