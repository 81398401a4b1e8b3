"""The control API's part for the carrier: hand over, push, go on, and what the carrier knows."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from providers.sandbox.control_body import Json, flag_of, sent, text_of
from providers.sandbox.world import World

Reply = tuple[Response, int]
TEXTS = ("id", "place", "words", "signer")


def carrier_routes(blueprint: Blueprint, world: World) -> None:
    @blueprint.post("/waybills")
    def begin_waybill() -> Reply:
        """``number`` and ``script`` (see waybills.SCRIPTS)."""
        body = sent()
        with world.lock:
            made = world.waybills.begin(text_of(body, "number"), str(body.get("script", "normal")))
            return jsonify(made.as_json()), 201

    @blueprint.get("/waybills")
    def list_waybills() -> Response:
        with world.lock:
            return jsonify({"waybills": [waybill.as_json() for waybill in world.waybills.all()]})

    @blueprint.post("/waybills/push")
    def push_trace() -> Response:
        """``number``, ``code``, and where wanted ``at`` (Unix time) and the texts."""
        body = sent()
        texts = {name: text_of(body, name) for name in TEXTS if name in body}
        with world.lock:
            trace = world.waybills.push(text_of(body, "number"), text_of(body, "code"), _moment(body), **texts)
            return jsonify(trace.as_json())

    @blueprint.post("/waybills/step")
    def next_trace() -> Response:
        with world.lock:
            return jsonify(world.waybills.step(text_of(sent(), "number")).as_json())

    @blueprint.post("/waybills/auto")
    def automatic() -> Response:
        """Whether a number nobody handed over starts when it is first asked for."""
        with world.lock:
            world.waybills.auto = flag_of(sent(), "on", True)
            return jsonify({"on": world.waybills.auto})


def _moment(body: Json) -> float | None:
    at = body.get("at")
    if at is None:
        return None
    if isinstance(at, bool) or not isinstance(at, int | float):
        raise ValueError("at must be a Unix time")
    return float(at)
