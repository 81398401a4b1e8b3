"""WeCom: the group robot's webhook."""

from __future__ import annotations

import hmac
import json
from typing import Any

from flask import Blueprint, Response, request

from providers.sandbox.faults import Fault, suffer
from providers.sandbox.refusals import WeChatRefusal
from providers.sandbox.world import World

PATH = "/cgi-bin/webhook/send"


def wecom_blueprint(world: World) -> Blueprint:
    blueprint = Blueprint("wecom", __name__, url_prefix="/wecom")

    @blueprint.post(PATH)
    def send() -> Response:
        body = request.get_json(force=True, silent=True)
        fault = world.faults.take("wecom")
        outcome = [fault.kind if fault else "0"]
        try:
            return suffer(fault, lambda: _answer(world, body, outcome), lambda f: _scripted(f, outcome), world.sleep)
        finally:
            seen = {**request.args.to_dict(), **(body if isinstance(body, dict) else {})}
            world.calls.add(world.clock.wall(), "wecom", request.method, request.path, PATH, seen, outcome[0])

    return blueprint


def _answer(world: World, body: Any, outcome: list[str]) -> Response:
    try:
        if not hmac.compare_digest(request.args.get("key", "").encode(), world.config.wecom_robot_key.encode()):
            raise WeChatRefusal(93000, "invalid webhook url")
        if not isinstance(body, dict):
            raise WeChatRefusal(40058, "invalid Request Parameter")
        with world.lock:
            world.group.say(body)
    except WeChatRefusal as refusal:
        return _refused(refusal.errcode, f"{refusal.errmsg}, more info at the sandbox", outcome)
    outcome[0] = "0"
    return _json({"errcode": 0, "errmsg": "ok"})


def _scripted(fault: Fault, outcome: list[str]) -> Response:
    value = fault.value if fault.kind == "errcode" else None
    errcode = value.get("errcode", -1) if isinstance(value, dict) else value
    return _refused(int(errcode if errcode is not None else -1), "scripted by the sandbox", outcome)


def _refused(errcode: int, errmsg: str, outcome: list[str]) -> Response:
    outcome[0] = str(errcode)
    return _json({"errcode": errcode, "errmsg": errmsg})


def _json(reply: dict[str, Any]) -> Response:
    return Response(json.dumps(reply, ensure_ascii=False), content_type="application/json; charset=UTF-8")
