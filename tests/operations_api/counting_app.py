"""A server of nothing but the request meter, for several real processes."""

from __future__ import annotations

import os

from flask import Flask, Response
from prometheus_client import CollectorRegistry, generate_latest

from operations_api.request_meter import RequestMeter


def create_app() -> Flask:
    app, meter = Flask(__name__), RequestMeter()
    meter.install(app)

    @app.get("/who")
    def who() -> str:
        return str(os.getpid())

    @app.get("/all")
    def all_counted() -> Response:
        registry = CollectorRegistry()
        registry.register(meter.collector())
        return Response(generate_latest(registry), headers={"X-Process": str(os.getpid())})

    return app
