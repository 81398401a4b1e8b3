"""The machines' door: a guarded shell with the platforms' call-back addresses.

A call-back is checked and kept in one short transaction and answered at once; the work is a job. What cannot be kept in
time is answered with an error, and the platform sends it again.
"""

from __future__ import annotations

from typing import cast

from apiflask import APIBlueprint
from flask import Response, current_app, request

from app.errors import NotFound
from app.ports import CallbackRejected
from auth.guards import public
from parts import Lantai

partner = APIBlueprint("partner", __name__, url_prefix="/partner", enable_openapi=False)
PLAIN = "text/plain; charset=utf-8"
MOST = 256 * 1024  # bytes; what a platform pushes is text


def _lantai() -> Lantai:
    return cast(Lantai, current_app.extensions["lantai"])


def _form() -> dict[str, str]:
    """A name that comes twice is refused: which of the two was signed would be a guess."""
    if any(len(values) > 1 for _, values in request.form.lists()):
        raise CallbackRejected("callback_query")
    return request.form.to_dict()


@partner.get("/callbacks/wechat")
@public("WeChat's signature over the query is what is checked")
def wechat_url_check() -> Response:
    """WeChat verifies the address once when it is configured: the echo goes back verbatim."""
    push = _lantai().outside.wechat_push
    if push is None:
        raise NotFound("route_not_found")
    return Response(push.verify_url(request.args.to_dict()), content_type=PLAIN)


@partner.post("/callbacks/wechat")
@public("WeChat's signature over the encrypted body is what is checked")
def wechat_push() -> Response:
    """Checked over the raw body. A resend changes nothing."""
    request.max_content_length = MOST
    parts = _lantai()
    if parts.outside.wechat_push is None:
        raise NotFound("route_not_found")
    message = parts.outside.wechat_push.decode(request.args.to_dict(), request.get_data())
    parts.pushes.accept(message)
    return Response("success", content_type=PLAIN)


@partner.post("/callbacks/alipay")
@public("Alipay's RSA2 signature over the form is what is checked")
def alipay_notify() -> Response:
    """Anything but exactly "success" would be sent again. A resend changes nothing."""
    request.max_content_length = MOST
    parts = _lantai()
    if parts.outside.alipay_notify is None:
        raise NotFound("route_not_found")
    parts.pushes.accept_alipay(parts.outside.alipay_notify.decode(_form()))
    return Response("success", content_type=PLAIN)


@partner.get("/certified")
@public("where Alipay's face dialogue returns to; shows nothing and reads nothing")
def certified() -> Response:
    return Response("请返回小程序继续。", content_type=PLAIN)
