"""The carrier's query API: a signed POST with a number, answered with the trace of its consignment.

The dialect is a generic one of EMS's style; the real API is described to contract customers only.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request

from providers.sandbox.clock import BEIJING
from providers.sandbox.faults import Fault, suffer
from providers.sandbox.waybills import NUMBER, Trace, UnknownWaybill
from providers.sandbox.world import World

PATH = "/track/query"
WINDOW_S = 300.0


class Refused(Exception):
    """``code`` is the carrier's own word."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


def carrier_blueprint(world: World) -> Blueprint:
    blueprint = Blueprint("carrier", __name__, url_prefix="/ems")

    @blueprint.post(PATH)
    def query() -> Response:
        body = request.get_json(force=True, silent=True)
        fault = world.faults.take("ems")
        outcome = [fault.kind if fault else "0"]
        try:
            return suffer(fault, lambda: _answer(world, body, outcome), lambda f: _scripted(f, outcome), world.sleep)
        finally:
            seen = body if isinstance(body, dict) else {}
            world.calls.add(world.clock.wall(), "ems", request.method, request.path, PATH, seen, outcome[0])

    return blueprint


def _answer(world: World, body: Any, outcome: list[str]) -> Response:
    try:
        number = _checked(world, body)
        with world.lock:
            told = world.waybills.asked(number)
    except UnknownWaybill:
        return _say(outcome, "WAYBILL_NOT_FOUND")
    except Refused as refusal:
        return _say(outcome, refusal.code)
    return _say(outcome, "0", {"waybillNo": number, "traces": [_line(trace) for trace in told]})


def _checked(world: World, body: Any) -> str:
    """The number asked for, once signature, time and nonce are in order. Raises Refused."""
    if not isinstance(body, dict):
        raise Refused("BAD_REQUEST")
    sign, nonce, sent = body.get("sign"), body.get("nonce"), body.get("timestamp")
    config = world.config
    signed = {name: value for name, value in body.items() if name != "sign"}
    text = json.dumps(signed, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    wanted = hmac.new(config.ems_app_secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    known = bool(config.ems_app_id) and body.get("appId") == config.ems_app_id
    if not known or not isinstance(sign, str) or not hmac.compare_digest(sign.encode(), wanted.encode()):
        raise Refused("AUTH_FAILED")
    if not isinstance(sent, int) or abs(world.clock.wall() - sent / 1000) > WINDOW_S:
        raise Refused("TIMESTAMP_EXPIRED")
    if not isinstance(nonce, str) or len(nonce) < 16:
        raise Refused("BAD_REQUEST")
    with world.lock:
        if nonce in world.carrier_nonces:
            raise Refused("NONCE_REPLAYED")
        world.carrier_nonces.add(nonce)
    number = body.get("waybillNo")
    if not isinstance(number, str) or not NUMBER.fullmatch(number):
        raise Refused("BAD_REQUEST")
    return number


def _line(trace: Trace) -> dict[str, str]:
    line = {
        "traceId": trace.id,
        "opTime": datetime.fromtimestamp(trace.at, BEIJING).strftime("%Y-%m-%d %H:%M:%S"),
        "opCode": trace.code,
        "opOrgName": trace.place,
        "opDesc": trace.words,
    }
    return {**line, "signer": trace.signer} if trace.signer else line


def _scripted(fault: Fault, outcome: list[str]) -> Response:
    return _say(outcome, str(fault.value or "SYSTEM_BUSY"))


def _say(outcome: list[str], code: str, data: Any = None) -> Response:
    outcome[0] = code
    reply = {"code": code, "message": "ok" if code == "0" else code, **({"data": data} if data else {})}
    return Response(json.dumps(reply, ensure_ascii=False), content_type="application/json; charset=UTF-8")
