"""The edge every Alipay call passes: public parameters, time, our signature, decryption, faults, the journal."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, render_template, request

from providers.sandbox.alipay_crypto import BadContent, aes_decrypt, rsa2_valid, signing_text
from providers.sandbox.alipay_reply import Signing, awkward, encrypted_text, signed_reply
from providers.sandbox.clock import BEIJING
from providers.sandbox.faults import Fault, suffer
from providers.sandbox.refusals import AlipayRefusal
from providers.sandbox.world import World

Json = dict[str, Any]
TOLERANCE = timedelta(minutes=15)
PAGE_METHOD = "alipay.user.certify.open.certify"
# In the order the gateway complains about them.
NEEDED = (
    ("app_id", "isv.missing-app-id"),
    ("sign_type", "isv.missing-signature-type"),
    ("sign", "isv.missing-signature"),
    ("timestamp", "isv.missing-timestamp"),
    ("version", "isv.missing-version"),
)
SUB_CODES = {
    "isp.unknow-error": "20000",
    "aop.unknow-error": "20000",
    "aop.invalid-auth-token": "20001",
    "aop.auth-token-time-out": "20001",
    "isv.code-invalid": "40002",
    "isv.refresh-token-invalid": "40002",
    "isv.invalid-signature": "40002",
    "isv.invalid-timestamp": "40002",
    "isv.invalid-app-id": "40002",
    "isv.invalid-auth-relations": "40003",
    "isv.app-call-limited": "40005",
    "isv.insufficient-isv-permissions": "40006",
    "isv.illegal-client-ip": "40006",
}


@dataclass(frozen=True, slots=True)
class AlipayCall:
    """``parameters`` as sent; ``content`` is biz_content, decrypted and parsed."""

    world: World
    parameters: Mapping[str, str]
    content: Json = field(default_factory=dict)

    def text(self, name: str) -> str:
        value = self.content.get(name)
        return value if isinstance(value, str) else ""


Method = Callable[[AlipayCall], Json]


def alipay_blueprint(world: World, methods: Mapping[str, Method]) -> Blueprint:
    blueprint = Blueprint("alipay", __name__, url_prefix="/alipay")

    @blueprint.route("/gateway.do", methods=["GET", "POST"])
    def gateway() -> Response:
        parameters = dict(request.values.items())
        method = parameters.get("method", "")
        fault = world.faults.take(f"alipay:{method}")
        outcome = [fault.kind if fault else ""]
        desk = _Desk(world, methods, parameters, outcome)
        try:
            return suffer(fault, desk.answer, desk.scripted, world.sleep)
        finally:
            seen = _journal_view(world, parameters)
            world.calls.add(world.clock.wall(), "alipay", request.method, request.path, method, seen, outcome[0])

    @blueprint.get("/face")
    def h5_face() -> Response:
        """Where a certify_url leads."""
        with world.lock:
            return _face_page(world, request.args.get("certify_id", ""))

    return blueprint


@dataclass(frozen=True, slots=True)
class _Desk:
    world: World
    methods: Mapping[str, Method]
    parameters: Mapping[str, str]
    outcome: list[str]

    def answer(self, signing: Signing = "platform") -> Response:
        method = self.parameters.get("method", "")
        name = method.replace(".", "_") + "_response"
        try:
            with self.world.lock:
                call = self._admitted(method)
                if method == PAGE_METHOD:
                    return self._page(call)
                node = self.methods[method](call)
        except AlipayRefusal as refusal:
            self.outcome[0] = f"{refusal.code} {refusal.sub_code}"
            name = "error_response" if refusal.in_error_response else name
            return signed_reply(self.world, name, awkward(refusal.node()), signing if refusal.signed else "none")
        self.outcome[0] = "10000"
        text = awkward(node)
        if self.parameters.get("encrypt_type") == "AES":
            text = encrypted_text(self.world, text)
        return signed_reply(self.world, name, text, signing)

    def scripted(self, fault: Fault) -> Response:
        if fault.kind == "unsigned":
            return self.answer("none")
        if fault.kind == "wrong_key":
            return self.answer("stranger")
        value = fault.value if isinstance(fault.value, dict) else {"sub_code": str(fault.value or "isp.unknow-error")}
        sub_code = str(value.get("sub_code", ""))
        code = str(value.get("code") or SUB_CODES.get(sub_code, "40004"))
        bare = fault.kind == "error_response"
        refusal = AlipayRefusal(code, sub_code, str(value.get("sub_msg", "")), in_error_response=bare, signed=not bare)
        self.outcome[0] = f"{code} {sub_code}"
        name = "error_response" if bare else self.parameters.get("method", "").replace(".", "_") + "_response"
        return signed_reply(self.world, name, awkward(refusal.node()), "none" if bare else "platform")

    def _admitted(self, method: str) -> AlipayCall:
        _check_public(self.world, self.parameters)
        if method not in self.methods and method != PAGE_METHOD:
            raise AlipayRefusal("40002", "isv.invalid-method", "不存在的方法名", in_error_response=True, signed=False)
        return AlipayCall(self.world, self.parameters, _content(self.world, self.parameters))

    def _page(self, call: AlipayCall) -> Response:
        self.outcome[0] = "page"
        return _face_page(call.world, call.text("certify_id"))


def _face_page(world: World, certify_id: str) -> Response:
    case = world.faces.find(certify_id)
    if case is None or case.platform != "alipay" or world.faces.expired(case):
        return Response(render_template("sandbox/certify.html", case=None, phones=[]), 404)
    phones = [phone for phone in world.phones.all() if phone.platform == "alipay"]
    return Response(render_template("sandbox/certify.html", case=case, phones=phones))


def _check_public(world: World, parameters: Mapping[str, str]) -> None:
    if not parameters.get("method"):
        raise AlipayRefusal("40001", "isv.missing-method", "缺少方法名参数", in_error_response=True, signed=False)
    for name, sub_code in NEEDED:
        if not parameters.get(name):
            raise AlipayRefusal("40001", sub_code, f"缺少{name}参数", in_error_response=True, signed=False)
    if parameters["app_id"] != world.config.alipay_app_id:
        raise AlipayRefusal("40002", "isv.invalid-app-id", "无效的AppID参数", in_error_response=True, signed=False)
    if parameters["sign_type"] != "RSA2":
        raise AlipayRefusal("40002", "isv.invalid-signature-type", "无效的签名类型")
    if parameters.get("charset", "utf-8").lower().replace("-", "") != "utf8":
        raise AlipayRefusal("40002", "isv.invalid-charset", "字符集错误")
    _check_time(world, parameters["timestamp"])
    if not rsa2_valid(world.config.alipay_app_key, signing_text(parameters), parameters["sign"]):
        raise AlipayRefusal("40002", "isv.invalid-signature", "验签出错,请检查签名字符串或签名私钥与应用公钥是否匹配")


def _check_time(world: World, text: str) -> None:
    """Beijing time, at most 15 minutes away from now."""
    try:
        sent = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
    except ValueError:
        raise AlipayRefusal("40002", "isv.invalid-timestamp", "非法的时间戳参数") from None
    if abs(world.clock.beijing() - sent) > TOLERANCE:
        raise AlipayRefusal("40002", "isv.invalid-timestamp", "非法的时间戳参数,时间戳超出范围")


def _content(world: World, parameters: Mapping[str, str]) -> Json:
    text = parameters.get("biz_content", "")
    if parameters.get("encrypt_type") == "AES":
        text = _opened(world, text)
    if not text:
        return {}
    try:
        content = json.loads(text)
    except ValueError:
        raise AlipayRefusal("40002", "isv.invalid-parameter", "biz_content 不是合法的 JSON") from None
    if not isinstance(content, dict):
        raise AlipayRefusal("40002", "isv.invalid-parameter", "biz_content 不是 JSON 对象")
    return content


def _opened(world: World, text: str) -> str:
    if not world.config.alipay_content_aes_key:
        raise AlipayRefusal("40001", "isv.missing-encrypt-key", "缺少加密配置")
    try:
        return aes_decrypt(world.config.alipay_content_aes_key, text) if text else ""
    except BadContent:
        raise AlipayRefusal("40003", "isv.decryption-error-unknown", "解密出错,未知异常") from None


def _journal_view(world: World, parameters: Mapping[str, str]) -> Json:
    """The parameters with biz_content opened, so that the journal can mask its members by name."""
    view: Json = dict(parameters)
    if parameters.get("biz_content"):
        try:
            view["biz_content"] = _content(world, parameters)
        except AlipayRefusal:
            view["biz_content"] = "(unreadable)"
    return view
