"""Whether this process answers, whether it can serve people, and what is amiss without stopping it."""

from __future__ import annotations

from collections.abc import Mapping

import redis
from apiflask import APIBlueprint
from flask import Response, jsonify

from app.errors import Unavailable
from app.operations.figures import Schema
from auth.guards import public
from notifications.channel_rules import KIND_OF
from parts import Lantai

UNKNOWN: Mapping[str, str] = dict.fromkeys(("schema", "workers", "pushes", "letters"), "unknown")


def create_health(parts: Lantai) -> APIBlueprint:
    blueprint = APIBlueprint("health", __name__, enable_openapi=False)

    @blueprint.get("/healthz")
    @public("says only that the process answers")
    def healthz() -> Response:
        return jsonify(status="ok")

    @blueprint.get("/readyz")
    @public("says only which dependency is away")
    def readyz() -> tuple[Response, int]:
        try:
            parts.db.ping()
            ready = True
        except Unavailable:
            ready = False
        state = {
            "database": "ok" if ready else "away",
            "redis": "ok" if redis_answers(parts) else "away",
            **(_machinery(parts) if ready else UNKNOWN),
            "templates": parts.template_watch.state().value,
        }
        # people can still be served without Redis, without workers and while releases change over: the database decides
        return jsonify(status="ok" if ready else "unavailable", **state), 200 if ready else 503

    return blueprint


def redis_answers(parts: Lantai) -> bool:
    try:
        return parts.outside.redis is not None and bool(parts.outside.redis.ping())
    except redis.RedisError:
        return False


def _channels(parts: Lantai) -> Mapping[str, str]:
    letters = {each.outlet.way in KIND_OF for each in parts.undelivered.stopped()}
    return {"pushes": "stopped" if False in letters else "ok", "letters": "stopped" if True in letters else "ok"}


def _machinery(parts: Lantai) -> Mapping[str, str]:
    """Warnings: a schema of another release; no worker that has beaten lately; a channel whose breaker is open."""
    try:
        schema = parts.figures.schema()
        return {
            "schema": schema.value,
            "workers": "ok" if parts.figures.workers() else "silent",
            **(_channels(parts) if schema is Schema.OK else {"pushes": "unknown", "letters": "unknown"}),
        }
    except Unavailable:
        return UNKNOWN
