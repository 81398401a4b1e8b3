"""The SMS vendor: a signed POST with an approved signature and template, answered with a code and a message id."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import Any

from flask import Blueprint, Response, request

from providers.sandbox.faults import Fault, suffer
from providers.sandbox.letters import TEMPLATES
from providers.sandbox.world import World

PATH = "/v1/messages"
WINDOW_S = 300.0
PHONE = re.compile(r"1[3-9][0-9]{9}")
MAX_VALUE = 35


class Refused(Exception):
    """``code`` is the vendor's own word."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


def sms_blueprint(world: World) -> Blueprint:
    blueprint = Blueprint("sms", __name__, url_prefix="/sms")

    @blueprint.post(PATH)
    def send() -> Response:
        body = request.get_json(force=True, silent=True)
        fault = world.faults.take("sms")
        outcome = [fault.kind if fault else "OK"]
        try:
            return suffer(fault, lambda: _answer(world, body, outcome), lambda f: _scripted(f, outcome), world.sleep)
        finally:
            seen = body if isinstance(body, dict) else {}
            world.calls.add(world.clock.wall(), "sms", request.method, request.path, PATH, seen, outcome[0])

    return blueprint


def _answer(world: World, body: Any, outcome: list[str]) -> Response:
    try:
        _signed(world)
        with world.lock:
            message_id = _taken(world, body)
    except Refused as refusal:
        return _say(outcome, refusal.code)
    return _say(outcome, "OK", message_id)


def _signed(world: World) -> None:
    """Key, time, nonce and signature over the raw body. Raises Refused."""
    config, heads = world.config, request.headers
    at, nonce = heads.get("X-Timestamp", ""), heads.get("X-Nonce", "")
    digest = hashlib.sha256(request.get_data()).hexdigest()
    text = "\n".join(("POST", request.path, heads.get("X-Access-Key", ""), at, nonce, digest))
    wanted = hmac.new(config.sms_secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    known = bool(config.sms_access_key) and heads.get("X-Access-Key") == config.sms_access_key
    if not known or not hmac.compare_digest(heads.get("X-Signature", "").encode(), wanted.encode()):
        raise Refused("SIGNATURE_WRONG")
    if not at.isdigit() or abs(world.clock.wall() - int(at)) > WINDOW_S or len(nonce) < 16:
        raise Refused("SIGNATURE_WRONG")
    with world.lock:
        if nonce in world.sms_nonces:
            raise Refused("SIGNATURE_WRONG")
        world.sms_nonces.add(nonce)


def _taken(world: World, body: Any) -> str:
    """The message id. Raises Refused."""
    if not isinstance(body, dict):
        raise Refused("BAD_REQUEST")
    config, phone, values = world.config, body.get("phone"), body.get("params")
    if body.get("sign_name") != config.sms_sign_name:
        raise Refused("SIGN_NAME_UNKNOWN")
    names = {code: name for name, code in config.sms_templates.items()}
    name = names.get(str(body.get("template_code")))
    if name is None:
        raise Refused("TEMPLATE_UNKNOWN")
    wanted, words = TEMPLATES[name]
    if not isinstance(values, dict) or set(values) != wanted or not all(_fits(v) for v in values.values()):
        raise Refused("VALUE_REFUSED")
    if not isinstance(phone, str) or not PHONE.fullmatch(phone):
        raise Refused("PHONE_INVALID")
    if world.letters.full(phone):
        raise Refused("PHONE_LIMIT")
    content = f"【{config.sms_sign_name}】{words.format_map(values)}"
    return world.letters.take_text(str(body.get("request_id", "")), phone, name, content)


def _fits(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_VALUE and value.isprintable()


def _scripted(fault: Fault, outcome: list[str]) -> Response:
    return _say(outcome, str(fault.value) if fault.kind == "errcode" and fault.value else "BUSY")


def _say(outcome: list[str], code: str, message_id: str = "") -> Response:
    outcome[0] = code
    reply = {"code": code, "message_id": message_id}
    return Response(json.dumps(reply), content_type="application/json; charset=UTF-8")
