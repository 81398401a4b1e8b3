"""The control API: JSON, loopback only, no key. It plays the people, and makes trouble when told to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify, request

from providers.sandbox.actions import NotPossible, PhoneActions, new_phone
from providers.sandbox.alipay_notify import notify
from providers.sandbox.carrier_control import carrier_routes
from providers.sandbox.config import Template
from providers.sandbox.control_body import flag_of, sent, text_of, texts_of
from providers.sandbox.faces import NotThisPhone
from providers.sandbox.faults import Fault
from providers.sandbox.phones import UnknownPhone
from providers.sandbox.waybills import UnknownWaybill
from providers.sandbox.wechat_push import PushStyle, push, verification_query
from providers.sandbox.world import World

Json = dict[str, Any]
Reply = tuple[Response, int]
MOST_WAIT_S = 60.0


def control_blueprint(world: World) -> Blueprint:
    blueprint = Blueprint("control", __name__, url_prefix="/control")
    _errors(blueprint)
    _phones(blueprint, world)
    _actions(blueprint, world)
    _observing(blueprint, world)
    _trouble(blueprint, world)
    _callbacks(blueprint, world)
    carrier_routes(blueprint, world)
    return blueprint


def _errors(blueprint: Blueprint) -> None:
    """404 unknown_phone and unknown_waybill, 409 not_possible, 422 invalid; each ``{"error", "detail"}``."""
    table: tuple[tuple[type[Exception], int, str], ...] = (
        (UnknownPhone, 404, "unknown_phone"),
        (UnknownWaybill, 404, "unknown_waybill"),
        (NotPossible, 409, "not_possible"),
        (NotThisPhone, 409, "not_this_phone"),
        (ValueError, 422, "invalid"),
    )
    for kind, status, word in table:
        blueprint.register_error_handler(kind, _renderer(status, word))


def _renderer(status: int, word: str) -> Callable[[Exception], Reply]:
    def render(error: Exception) -> Reply:
        return jsonify({"error": word, "detail": str(error)}), status

    return render


def _style(body: Json) -> PushStyle:
    return PushStyle(str(body.get("format", "json")), str(body.get("tamper", "")))


def _phones(blueprint: Blueprint, world: World) -> None:
    @blueprint.post("/phones")
    def create_phone() -> Reply:
        return jsonify(new_phone(world, sent()).as_json()), 201

    @blueprint.get("/phones")
    def list_phones() -> Response:
        with world.lock:
            return jsonify({"phones": [phone.as_json() for phone in world.phones.all()]})

    @blueprint.get("/phones/<phone_id>")
    def one_phone(phone_id: str) -> Response:
        actions = PhoneActions(world, phone_id)
        return jsonify({**actions.phone.as_json(), "consents": actions.consents()})

    @blueprint.get("/phones/<phone_id>/messages")
    def messages(phone_id: str) -> Response:
        return jsonify({"messages": PhoneActions(world, phone_id).screen()})


def _actions(blueprint: Blueprint, world: World) -> None:
    def act(name: str, run: Callable[[PhoneActions, Json], Json]) -> None:
        def view(phone_id: str) -> Response:
            return jsonify(run(PhoneActions(world, phone_id), sent()))

        blueprint.add_url_rule(f"/phones/<phone_id>/{name}", endpoint=name, view_func=view, methods=["POST"])

    act("login-code", lambda phone, _: phone.login_code())
    act("phone-code", lambda phone, body: phone.phone_code(str(body.get("fault", ""))))
    act("face", lambda phone, body: phone.face(_ticket(body), body.get("result")))
    act("fingerprint", lambda phone, body: phone.fingerprint(text_of(body, "challenge")))
    act("subscribe", lambda phone, body: phone.subscribe(
        texts_of(body, "template_ids"), flag_of(body, "accept", True), wait=flag_of(body, "wait", True)))  # fmt: skip
    act("unsubscribe", lambda phone, body: phone.withdraw(
        texts_of(body, "template_ids"), wait=flag_of(body, "wait", True)))  # fmt: skip
    act("main-switch", lambda phone, body: phone.main_switch(flag_of(body, "on", True)))
    act("say", lambda phone, body: phone.say(text_of(body, "text"), _style(body), wait=flag_of(body, "wait", True)))
    act("enter-chat", lambda phone, body: phone.enter_chat(
        str(body.get("session_from", "")), wait=flag_of(body, "wait", True)))  # fmt: skip


def _ticket(body: Json) -> str:
    return text_of(body, "certify_id" if "certify_id" in body else "verify_id")


def _observing(blueprint: Blueprint, world: World) -> None:
    @blueprint.get("/calls")
    def calls() -> Response:
        since, api = request.args.get("since", "0"), request.args.get("api", "")
        return jsonify({"calls": [call.as_json() for call in world.calls.since(int(since), api)]})

    @blueprint.get("/group/messages")
    def group_messages() -> Response:
        with world.lock:
            return jsonify({"messages": [message.as_json() for message in world.group.messages()]})

    @blueprint.get("/mails")
    def mails() -> Response:
        with world.lock:
            return jsonify({"mails": [mail.as_json() for mail in world.letters.mails()]})

    @blueprint.get("/sms")
    def text_messages() -> Response:
        with world.lock:
            return jsonify({"messages": [text.as_json() for text in world.letters.texts()]})

    @blueprint.get("/deliveries")
    def deliveries() -> Response:
        return jsonify({"deliveries": world.courier.all()})

    @blueprint.post("/deliveries/wait")
    def wait_for_deliveries() -> Response:
        seconds = min(float(sent().get("timeout", 10.0)), MOST_WAIT_S)
        return jsonify({"idle": world.courier.idle(seconds), "deliveries": world.courier.all()})


def _trouble(blueprint: Blueprint, world: World) -> None:
    @blueprint.post("/faults")
    def add_fault() -> Reply:
        body = sent()
        fault = Fault(text_of(body, "target"), text_of(body, "kind"), body.get("value"), body.get("times", 1))
        world.faults.put(fault)
        return jsonify(fault.as_json()), 201

    @blueprint.get("/faults")
    def list_faults() -> Response:
        return jsonify({"faults": [fault.as_json() for fault in world.faults.waiting()]})

    @blueprint.delete("/faults")
    def clear_faults() -> Reply:
        world.faults.clear()
        return jsonify({}), 200

    @blueprint.post("/tokens/revoke")
    def revoke_tokens() -> Response:
        with world.lock:
            return jsonify({"revoked": world.tokens.revoke_all()})

    @blueprint.post("/clock/advance")
    def advance() -> Response:
        return jsonify({"ahead": world.clock.advance(float(sent().get("seconds", 0)))})

    @blueprint.post("/templates")
    def define_template() -> Reply:
        body = sent()
        fields = body.get("fields", {})
        if not isinstance(fields, dict) or body.get("platform") not in ("wechat", "alipay"):
            raise ValueError("platform must be wechat or alipay; fields an object of key and label")
        template = Template(
            text_of(body, "template_id"), str(body.get("title", "消息")), fields, flag_of(body, "long_term", False)
        )
        with world.lock:
            wechat = body["platform"] == "wechat"
            (world.wechat_subscriptions if wechat else world.alipay_subscriptions).define(template)
        return jsonify({"template_id": template.template_id}), 201

    @blueprint.post("/reset")
    def reset() -> Response:
        world.reset()
        return jsonify({})


def _callbacks(blueprint: Blueprint, world: World) -> None:
    @blueprint.post("/callbacks/alipay")
    def alipay_notice() -> Response:
        body = sent()
        parameters = body.get("params", {})
        if not isinstance(parameters, dict):
            raise ValueError("params must be an object")
        texts = {str(name): str(value) for name, value in parameters.items()}
        version, tamper = str(body.get("version", "v1")), str(body.get("tamper", ""))
        delivery = notify(world, texts, version, tamper, wait=flag_of(body, "wait", True))
        return jsonify({"delivery": delivery.as_json()})

    @blueprint.post("/callbacks/wechat")
    def wechat_push() -> Response:
        body = sent()
        phone = PhoneActions(world, text_of(body, "phone_id")).phone
        message = body.get("message")
        if not isinstance(message, dict):
            raise ValueError("message must be an object")
        delivery = push(world, phone, message, _style(body), wait=flag_of(body, "wait", True))
        return jsonify({"delivery": delivery.as_json()})

    @blueprint.get("/callbacks/wechat/verification")
    def wechat_verification() -> Response:
        """The query string of the console's GET, for the tester to send."""
        return jsonify({"query": verification_query(world, request.args.get("echostr", "4375120948345356249"))})
