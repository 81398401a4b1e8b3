"""Alipay's face check of a named person. Family A (alipay.user.certify.open) or B (datadigital…face.certify)."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Any, Literal

from app.ports import CertifyOutcome, CertifyState, CertifyTicket
from providers.alipay.gateway import BUSY, PROVIDER, AlipayGateway, AlipayRefused, unavailable
from providers.outbound import PlatformUnavailable

log = logging.getLogger(__name__)

TICKET_S = 3600
EXPIRED = "CERTIFY_ID_EXPIRED"
CODE_WORD = re.compile(r"[A-Z][A-Z0-9_]{1,63}")


@dataclass(frozen=True, slots=True)
class _Family:
    prefix: str
    open_step: str
    biz_code: str


FAMILIES = {
    "A": _Family("alipay.user.certify.open", "certify", "FACE"),
    "B": _Family("datadigital.fincloud.generalsaas.face.certify", "verify", "FUTURE_TECH_BIZ_FACE_SDK"),
}


class AlipayCertify:
    """app.ports.FaceCertifier. The person's Alipay account must be their own; Alipay checks that."""

    def __init__(
        self,
        gateway: AlipayGateway,
        *,
        return_url: str,
        family: Literal["A", "B"] = "A",
        biz_code: str | None = None,
    ) -> None:
        """``return_url``: where Alipay leads back to. ``biz_code`` None: the family's own."""
        self._gateway, self._family, self._return_url = gateway, FAMILIES[family], return_url
        self._biz_code = biz_code or self._family.biz_code

    def begin(self, *, order_no: str, open_id: str, name: str, id_number: str) -> CertifyTicket:  # noqa: ARG002
        """``open_id`` is not part of this call: the client opens the page inside the person's own Alipay."""
        found = self._ask(
            "initialize",
            {
                "outer_order_no": order_no,
                "biz_code": self._biz_code,
                "identity_param": {
                    "identity_type": "CERT_INFO",
                    "cert_type": "IDENTITY_CARD",
                    "cert_name": name,
                    "cert_no": id_number,
                },
                "merchant_config": {"return_url": self._return_url},
            },
        )
        ticket = found.get("certify_id")
        if not isinstance(ticket, str) or not ticket:
            raise PlatformUnavailable(PROVIDER, "no_certify_id", sent=True)
        return CertifyTicket(ticket, {"certifyId": ticket, "url": self._page(ticket)}, TICKET_S)

    def result(self, *, order_no: str, ticket: str, open_id: str, name: str, id_number: str) -> CertifyOutcome:  # noqa: ARG002
        """PASSED only for passed == "T". Alipay answers by ``ticket`` alone: the caller has bound it to the rest.

        "F" with a reason is a failed check, without one the person has not finished.
        """
        try:
            found = self._gateway.call(f"{self._family.prefix}.query", {"certify_id": ticket}, idempotent=True)
        except AlipayRefused as error:
            return _refused(error)
        return _outcome(found)

    def _page(self, ticket: str) -> str:
        method = f"{self._family.prefix}.{self._family.open_step}"
        if self._family.open_step == "certify":
            return self._gateway.signed_url(method, {"certify_id": ticket})
        url = self._ask(self._family.open_step, {"certify_id": ticket}).get("certify_url")
        if not isinstance(url, str) or not url.startswith("http"):
            raise PlatformUnavailable(PROVIDER, "no_certify_url", sent=True)
        return url

    def _ask(self, step: str, content: dict[str, object]) -> dict[str, Any]:
        try:
            return self._gateway.call(f"{self._family.prefix}.{step}", content)
        except AlipayRefused as error:
            raise unavailable(error) from None


def _refused(error: AlipayRefused) -> CertifyOutcome:
    if error.code == BUSY:
        raise unavailable(error)
    if error.sub_code == EXPIRED:
        return CertifyOutcome(CertifyState.RETRY, EXPIRED)
    log.error("alipay certify query refused: %s", error)
    return CertifyOutcome(CertifyState.FAULT, error.sub_code or error.code)


def _outcome(found: dict[str, Any]) -> CertifyOutcome:
    passed, why = found.get("passed"), found.get("fail_reason")
    if passed == "T":
        return CertifyOutcome(CertifyState.PASSED, "T")
    if passed != "F":
        raise PlatformUnavailable(PROVIDER, "no_passed", sent=True)
    if not why:
        return CertifyOutcome(CertifyState.PENDING, "F")
    word = str(why)  # free text may name the person: only a code goes on
    return CertifyOutcome(CertifyState.MISMATCH, word if CODE_WORD.fullmatch(word) else "failed")
