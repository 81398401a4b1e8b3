"""The pages for people trying the demo: the phones, what stands on their screens, and the staff's group."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from providers.sandbox.actions import PhoneActions, new_phone
from providers.sandbox.clock import BEIJING
from providers.sandbox.faces import RESULTS
from providers.sandbox.phones import UnknownPhone
from providers.sandbox.world import World

Form = dict[str, str]
FACE_WORDS = {
    "": "本人按提示完成（如实判断）",
    "mismatch": "人脸不一致",
    "cancel": "中途取消",
    "blur": "照片模糊",
    "network": "网络中断",
    "unknown_person": "权威库无此人",
}
LOGIN = {"wechat": "wx.login", "alipay": "my.getAuthCode"}


def pages_blueprint(world: World) -> Blueprint:
    blueprint = Blueprint("pages", __name__)
    notes: dict[str, str] = {}
    blueprint.app_template_filter("beijing")(_beijing)
    _reading(blueprint, world, notes)
    _acting(blueprint, world, notes)
    return blueprint


def _beijing(at: float) -> str:
    return datetime.fromtimestamp(at, BEIJING).strftime("%m-%d %H:%M:%S")


def _reading(blueprint: Blueprint, world: World, notes: dict[str, str]) -> None:
    @blueprint.get("/")
    def home() -> str:
        with world.lock:
            phones = world.phones.all()
        return render_template("sandbox/home.html", phones=phones, note=notes.pop("", ""))

    @blueprint.get("/phones/<phone_id>")
    def phone(phone_id: str) -> str | tuple[str, int]:
        try:
            actions = PhoneActions(world, phone_id)
        except UnknownPhone:
            return render_template("sandbox/home.html", phones=world.phones.all(), note="没有这部手机。"), 404
        with world.lock:
            checks = world.faces.waiting_for(actions.phone)
        return render_template(
            "sandbox/phone.html",
            phone=actions.phone,
            messages=actions.screen(),
            consents=actions.consents(),
            checks=checks,
            face_words=FACE_WORDS,
            login=LOGIN[actions.phone.platform],
            note=notes.pop(phone_id, ""),
        )

    @blueprint.get("/group")
    def group() -> str:
        with world.lock:
            return render_template("sandbox/group.html", messages=world.group.messages())

    @blueprint.get("/letters")
    def letters() -> str:
        with world.lock:
            mails, texts = world.letters.mails(), world.letters.texts()
        return render_template("sandbox/letters.html", mails=mails[::-1], texts=texts[::-1])


def _acting(blueprint: Blueprint, world: World, notes: dict[str, str]) -> None:
    @blueprint.post("/phones")
    def create() -> BaseResponse:
        values: dict[str, Any] = {name: value.strip() for name, value in request.form.items() if value.strip()}
        values["face_passes"] = "face_passes" in request.form
        try:
            made = new_phone(world, values)
        except ValueError as error:
            notes[""] = f"没有建立：{error}"
            return redirect(url_for("pages.home"), 303)
        return redirect(url_for("pages.phone", phone_id=made.id), 303)

    @blueprint.post("/phones/<phone_id>/do/<action>")
    def do(phone_id: str, action: str) -> BaseResponse:
        run = ACTIONS.get(action)
        if run is None:
            return Response("没有这个操作", 404, content_type="text/plain; charset=utf-8")
        try:
            result = run(PhoneActions(world, phone_id), request.form.to_dict())
            notes[phone_id] = json.dumps(result, ensure_ascii=False, indent=1)
        except UnknownPhone:
            return Response("没有这部手机", 404, content_type="text/plain; charset=utf-8")
        except ValueError as error:
            notes[phone_id] = f"做不到：{error}"
        return redirect(url_for("pages.phone", phone_id=phone_id), 303)


def _face(phone: PhoneActions, form: Form) -> dict[str, Any]:
    result = form.get("result", "")
    return phone.face(form.get("ticket", "").strip(), result if result in RESULTS else None)


def _subscribe(accept: bool) -> Callable[[PhoneActions, Form], dict[str, Any]]:
    return lambda phone, form: phone.subscribe([form.get("template_id", "")], accept, wait=False)


ACTIONS: dict[str, Callable[[PhoneActions, Form], dict[str, Any]]] = {
    "login-code": lambda phone, _: phone.login_code(),
    "phone-code": lambda phone, _: phone.phone_code(),
    "face": _face,
    "fingerprint": lambda phone, form: phone.fingerprint(form.get("challenge", "").strip()),
    "accept": _subscribe(True),
    "reject": _subscribe(False),
    "unsubscribe": lambda phone, form: phone.withdraw([form.get("template_id", "")], wait=False),
    "say": lambda phone, form: phone.say(form.get("text", "").strip() or "你好", wait=False),
    "enter-chat": lambda phone, _: phone.enter_chat("page", wait=False),
}
