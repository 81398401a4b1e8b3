"""The refusals of the three platforms, raised by handlers and rendered at the edge."""

from __future__ import annotations

ALIPAY_MESSAGES = {
    "10000": "Success",
    "20000": "Service Currently Unavailable",
    "20001": "Insufficient Token Permissions",
    "40001": "Missing Required Arguments",
    "40002": "Invalid Arguments",
    "40003": "Insufficient Conditions",
    "40004": "Business Failed",
    "40005": "Call Limited",
    "40006": "Insufficient Permissions",
}


class WeChatRefusal(Exception):
    """A non-zero errcode. WeCom answers in the same shape."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        self.errcode = errcode
        self.errmsg = errmsg
        super().__init__(f"{errcode} {errmsg}")


class AlipayRefusal(Exception):
    """A failing node. ``in_error_response`` puts it under that name; ``signed`` False leaves the signature away."""

    def __init__(
        self, code: str, sub_code: str, sub_msg: str = "", *, in_error_response: bool = False, signed: bool = True
    ) -> None:
        self.code = code
        self.sub_code = sub_code
        self.sub_msg = sub_msg
        self.in_error_response = in_error_response
        self.signed = signed
        super().__init__(f"{code} {sub_code}")

    def node(self) -> dict[str, str]:
        message = ALIPAY_MESSAGES.get(self.code, "Business Failed")
        return {"code": self.code, "msg": message, "sub_code": self.sub_code, "sub_msg": self.sub_msg or self.sub_code}
