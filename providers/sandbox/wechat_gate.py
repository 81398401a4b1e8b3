"""The edge every WeChat call passes: verb, token, body rules, faults, the journal, and errors with a rid."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from flask import Blueprint, Response, request

from providers.sandbox.faults import Fault, suffer
from providers.sandbox.phones import Phone
from providers.sandbox.refusals import WeChatRefusal
from providers.sandbox.world import World

Json = dict[str, Any]
_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*\\u[0-9a-fA-F]{4}")


@dataclass(frozen=True, slots=True)
class Call:
    """One call as a handler sees it: ``query`` and the decoded JSON ``body`` ({} for GET)."""

    world: World
    query: Mapping[str, str]
    body: Json = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A body member as text, '' when absent or of another type."""
        value = self.body.get(name)
        return value if isinstance(value, str) else ""

    def phone(self, open_id: str) -> Phone:
        """Raises WeChatRefusal 40003."""
        phone = self.world.phones.by_open_id("wechat", open_id)
        if phone is None:
            raise WeChatRefusal(40003, "invalid openid")
        return phone


@dataclass(frozen=True, slots=True)
class Route:
    """``token``: access_token is needed. ``no_escapes``: an old endpoint that refuses ``\\uXXXX`` in its body."""

    path: str
    verb: Literal["GET", "POST"]
    handle: Callable[[Call], Json | Response]
    token: bool = True
    no_escapes: bool = False


def wechat_blueprint(world: World, routes: tuple[Route, ...]) -> Blueprint:
    blueprint = Blueprint("wechat", __name__, url_prefix="/wechat")
    for route in routes:
        blueprint.add_url_rule(
            route.path, endpoint=route.path.strip("/").replace("/", "_"), view_func=_view(world, route),
            methods=["GET", "POST"],
        )  # fmt: skip
    return blueprint


def _view(world: World, route: Route) -> Callable[[], Response]:
    def serve() -> Response:
        fault = world.faults.take(f"wechat:{route.path}")
        outcome = [fault.kind if fault else "0"]
        try:
            return suffer(
                fault,
                lambda: _answer(world, route, outcome),
                lambda f: _scripted(world, route, f, outcome),
                world.sleep,
            )
        finally:
            world.calls.add(
                world.clock.wall(), "wechat", request.method, request.path, route.path, _parameters(), outcome[0]
            )

    return serve


def _answer(world: World, route: Route, outcome: list[str]) -> Response:
    try:
        with world.lock:
            reply = route.handle(_admitted(world, route))
    except WeChatRefusal as refusal:
        outcome[0] = str(refusal.errcode)
        return refused(world, route.path, refusal.errcode, refusal.errmsg)
    outcome[0] = "0"
    return reply if isinstance(reply, Response) else as_json(reply)


def _admitted(world: World, route: Route) -> Call:
    if request.method != route.verb:
        raise WeChatRefusal(43001 if route.verb == "GET" else 43002, f"require {route.verb} method")
    if route.token:
        world.tokens.check(request.args.get("access_token", ""))
    return Call(world, request.args, _body(route) if route.verb == "POST" else {})


def _body(route: Route) -> Json:
    raw = request.get_data()
    if not raw:
        raise WeChatRefusal(44002, "empty post data")
    if route.no_escapes and _ESCAPE.search(raw):
        raise WeChatRefusal(40033, "invalid charset. please check your request, if include \\uxxxx will create fail!")
    try:
        body = json.loads(raw.decode("utf-8"))
    except ValueError:
        raise WeChatRefusal(47001, "data format error") from None
    if not isinstance(body, dict):
        raise WeChatRefusal(47001, "data format error")
    return body


def _scripted(world: World, route: Route, fault: Fault, outcome: list[str]) -> Response:
    """An errcode fault; any other kind here is one of Alipay's and answers ``system error``."""
    value = fault.value if fault.kind == "errcode" else None
    errcode, errmsg = (value.get("errcode"), value.get("errmsg")) if isinstance(value, dict) else (value, None)
    outcome[0] = str(errcode if errcode is not None else -1)
    return refused(world, route.path, int(outcome[0]), errmsg or "scripted by the sandbox")


def refused(world: World, path: str, errcode: int, errmsg: str) -> Response:
    """HTTP 200 with errcode, errmsg and a rid that /cgi-bin/openapi/rid/get resolves."""
    rid = "-".join(secrets.token_hex(4) for _ in range(3))
    reply = {"errcode": errcode, "errmsg": f"{errmsg} rid: {rid}"}
    info = {
        "invoke_time": int(world.clock.wall()),
        "cost_in_ms": 1,
        "request_url": "access_token=***",
        "request_body": "",
        "response_body": json.dumps(reply, ensure_ascii=False),
        "client_ip": request.remote_addr or "",
    }
    with world.lock:
        world.rids.remember(rid, path, info)
    return as_json(reply)


def as_json(reply: Json) -> Response:
    return Response(json.dumps(reply, ensure_ascii=False), content_type="application/json; encoding=utf-8")


def _parameters() -> Json:
    body = request.get_json(force=True, silent=True) if request.method == "POST" else None
    return {**request.args.to_dict(), **(body if isinstance(body, dict) else {})}
