"""Alipay login: alipay.system.oauth.token."""

from __future__ import annotations

from app.ports import LoginCodeRejected, Platform, PlatformAccount
from providers.alipay.gateway import PROVIDER, AlipayGateway, AlipayRefused, unavailable
from providers.outbound import PlatformUnavailable

CODE_INVALID = "isv.code-invalid"


class AlipayLogin:
    """app.ports.PlatformLogin."""

    platform = Platform.ALIPAY

    def __init__(self, gateway: AlipayGateway) -> None:
        self._gateway = gateway

    def exchange_code(self, code: str) -> PlatformAccount:
        """One try only, also after 20000: the code may be spent. New apps get open_id, old ones user_id."""
        try:
            found = self._gateway.call(
                "alipay.system.oauth.token", top={"grant_type": "authorization_code", "code": code}
            )
        except AlipayRefused as error:
            if error.sub_code == CODE_INVALID:
                raise LoginCodeRejected from None
            raise unavailable(error) from None
        open_id = found.get("open_id") or found.get("user_id")
        if not isinstance(open_id, str):
            raise PlatformUnavailable(PROVIDER, "no_open_id", sent=True)
        union_id = found.get("union_id")
        return PlatformAccount(
            Platform.ALIPAY, self._gateway.app_id, open_id, union_id if isinstance(union_id, str) else None
        )
