"""The web entry: gunicorn 'wsgi:create_app()'."""

from __future__ import annotations

from pathlib import Path

from apiflask import APIFlask
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app import logs, web
from app.settings import load_settings
from check_page.page import create_check_page
from miniprogram_api import (
    account,
    chat,
    corrections,
    destinations,
    document,
    dossier,
    message_checks,
    ratings,
    retrieval,
    sessions,
    supplements,
    telling,
    transfers,
)
from miniprogram_api.door import api
from operations_api.health import create_health
from operations_api.metrics import create_metrics
from operations_api.request_meter import RequestMeter
from partner_api import document as partner_document
from partner_api import events, ingest, notices, packages, singles, webhooks
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
    chat,
    corrections,
    destinations,
    ratings,
    document,
    dossier,
    message_checks,
    retrieval,
    sessions,
    supplements,
    telling,
    transfers,
    events,
    ingest,
    singles,
    webhooks,
    notices,
    packages,
    partner_document,
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
    meter = RequestMeter()
    if parts.settings.metrics_token.get_secret_value():
        meter.install(app)
    document.install(app)
    app.register_blueprint(api)
    app.register_blueprint(partner)
    app.register_blueprint(machines)
    app.register_blueprint(create_console())
    web.render_problems_with(app, "/console", render_console_problem)
    style, seal = asset_url("console.css"), asset_url("seal.svg")
    app.register_blueprint(create_receipt_page(style, seal))
    app.register_blueprint(create_check_page(style, seal))
    app.register_blueprint(create_health(parts))
    app.register_blueprint(create_metrics(parts, meter))
    return app
