"""The web entry: gunicorn 'wsgi:create_app()'."""

from __future__ import annotations

from pathlib import Path

import redis
from apiflask import APIBlueprint, APIFlask
from flask import Flask, Response, jsonify
from werkzeug.middleware.proxy_fix import ProxyFix

from app import logs, web
from app.errors import Unavailable
from app.settings import load_settings
from auth.guards import public
from miniprogram_api import (
    account,
    corrections,
    destinations,
    document,
    dossier,
    ratings,
    retrieval,
    sessions,
    supplements,
    transfers,
)
from miniprogram_api.door import api
from partner_api import ingest, packages, singles
from partner_api.callbacks import partner
from partner_api.door import machines
from parts import Lantai
from receipt_page.page import create_receipt_page
from staff_console.assets import asset_url
from staff_console.console import create_console
from staff_console.problems import render_console_problem
from wiring import build, service_urls

DOORS = (
    account,
    corrections,
    destinations,
    ratings,
    document,
    dossier,
    retrieval,
    sessions,
    supplements,
    transfers,
    ingest,
    singles,
    packages,
)
BODY_MOST = 256 * 1024


def create_app(parts: Lantai | None = None) -> Flask:
    """Builds the application; ``parts`` replaces the wiring in tests."""
    if parts is None:
        logs.configure()
        settings = load_settings()
        parts = build(settings, service_urls(settings))
    app = APIFlask(
        "lantai",
        title="Lantai 兰台",
        version="1",
        spec_path=None,
        docs_path=None,
        json_errors=False,
        root_path=str(Path(__file__).resolve().parent),
        static_folder=None,  # type: ignore[arg-type]  # None means no static route, as in Flask
    )
    app.template_folder = "miniprogram_api/templates"
    app.config.update(
        MAX_CONTENT_LENGTH=BODY_MOST,
        TRUSTED_PROXIES=parts.settings.trusted_proxies,
        AUTO_404_RESPONSE=False,
        AUTO_AUTH_ERROR_RESPONSE=False,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
        AUTO_OPERATION_ID=True,
        AUTO_SERVERS=False,
        VALIDATION_ERROR_STATUS_CODE=422,
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.extensions["lantai"] = parts
    if parts.settings.trusted_proxies:
        hops = parts.settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    web.install(app)
    document.install(app)
    app.register_blueprint(api)
    app.register_blueprint(partner)
    app.register_blueprint(machines)
    app.register_blueprint(create_console())
    web.render_problems_with(app, "/console", render_console_problem)
    app.register_blueprint(create_receipt_page(asset_url("console.css"), asset_url("seal.svg")))
    app.register_blueprint(_health(parts))
    return app


def _health(parts: Lantai) -> APIBlueprint:
    blueprint = APIBlueprint("health", __name__, enable_openapi=False)

    @blueprint.get("/healthz")
    @public("says only that the process answers")
    def healthz() -> Response:
        return jsonify(status="ok")

    @blueprint.get("/readyz")
    @public("says only which dependency is away")
    def readyz() -> tuple[Response, int]:
        state = {"database": "ok", "redis": "ok"}
        try:
            parts.db.ping()
        except Unavailable:
            state["database"] = "away"
        if not redis_answers(parts):
            state["redis"] = "away"
        # without Redis people can still be served, so only the database decides
        ready = state["database"] == "ok"
        return jsonify(status="ok" if ready else "unavailable", **state), 200 if ready else 503

    return blueprint


def redis_answers(parts: Lantai) -> bool:
    try:
        return parts.outside.redis is not None and bool(parts.outside.redis.ping())
    except redis.RedisError:
        return False
