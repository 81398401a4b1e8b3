"""What a receiving office says of a package: the JSON forms and their published schemas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from app.transfers.electronic_envelope import Envelope
from app.transfers.electronic_rules import REASON_LABELS
from partner_api.records import SCHEMA_BASE, Strict

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Acknowledgement(Strict):
    """The download is over: what was received."""

    sha256: Digest = Field(title="收到的密文的 SHA-256")
    size: int = Field(ge=1, title="收到的字节数")


class CheckResult(Strict):
    """The receiver's own check of the opened package."""

    outcome: Literal["passed", "failed"] = Field(title="检测结果")
    bag_sha256: Digest | None = Field(None, title="包内 manifest-sha256.txt 的 SHA-256；passed 时必填")


class Decision(Strict):
    """Accepting names the manifest; rejecting gives reasons."""

    decision: Literal["accepted", "rejected"] = Field(title="决定")
    manifest_sha256: Digest | None = Field(None, title="转递清单的 SHA-256；accepted 时必填")
    reasons: list[str] = Field(
        default_factory=list,
        max_length=len(REASON_LABELS),
        title="退回原因；rejected 时必填",
        json_schema_extra={"items": {"enum": [r.value for r in REASON_LABELS]}},
    )
    note: str = Field("", max_length=500, title="说明；原因为 other 时必填")


class ReceiptRecord(Strict):
    """The e-receipt. ``signature`` covers the canonical JSON described in docs/partner-api.md."""

    manifest_sha256: Digest = Field(title="转递清单的 SHA-256")
    number: str = Field(pattern=r"^[A-Za-z0-9-]{1,40}$", title="回执编号")
    issued_on: Annotated[date, Field(strict=False)] = Field(title="回执日期")
    signature: str | None = Field(None, max_length=120, title="Ed25519 签名（Base64）；登记过公钥的单位必填")


_TITLES: Mapping[str, tuple[type[BaseModel], str]] = {
    "package-envelope.json": (Envelope, "电子档案包信封"),
    "package-acknowledgement.json": (Acknowledgement, "取件确认"),
    "package-check.json": (CheckResult, "接收检测结果"),
    "package-decision.json": (Decision, "接收或退回"),
    "package-receipt.json": (ReceiptRecord, "电子回执"),
}


def _schema(name: str, model: type[BaseModel], title: str) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{SCHEMA_BASE}/{name}",
        **model.model_json_schema(ref_template="#/$defs/{model}"),
        "title": title,
    }


def _maker(name: str, model: type[BaseModel], title: str) -> Callable[[], dict[str, Any]]:
    return lambda: _schema(name, model, title)


SCHEMAS: Mapping[str, Callable[[], dict[str, Any]]] = {
    name: _maker(name, model, title) for name, (model, title) in _TITLES.items()
}
