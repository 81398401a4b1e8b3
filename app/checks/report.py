"""The signed report: what was checked, with which rules, on which package, by whom, and what came out.

docs/schemas/four-property-report-1.json is its published schema. The bytes are the canonical form of
app.checks.documents; the signature covers them with a prefix of their own, so that it can be taken for nothing else.
Persons are named by id only; findings repeat no personal value.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.actors import Actor
from app.checks import layout
from app.checks.check import Check
from app.checks.documents import Strict, read_document, write_document
from app.checks.package import Package
from app.checks.registry import BY_ID
from app.checks.rules import (
    RULES_VERSION,
    ChecklistState,
    Confirmation,
    MissingItem,
    Result,
    Stage,
    Verdict,
    verdict,
)
from app.package_ports import Signer

_PREFIX = b"lantai/four-property-report/1\n"
MAX_FINDINGS = 100


class FindingLine(Strict):
    where: str
    words: str


class CheckLine(Strict):
    """``findings`` holds the first MAX_FINDINGS; ``by`` and ``at`` only where a person confirmed."""

    id: str
    property: Literal["authentic", "complete", "usable", "safe"]
    mode: Literal["machine", "assisted", "manual"]
    veto: bool
    title: str
    outcome: Literal["pass", "fail", "not_run", "not_applicable", "waiting"]
    looked: int
    findings: list[FindingLine]
    findings_total: int
    note: str
    by: str | None
    at: str | None


class ChecklistBlock(Strict):
    version: str
    required: int
    missing: list[FindingLine]


class PackageBlock(Strict):
    """``tags``: SHA-256 of the tag files that describe the payload. The manifest's is the package's digest."""

    digest: str
    tags: dict[str, str]
    files: int
    bytes: int
    unreadable: list[str]


class ToolBlock(Strict):
    name: str
    check_rules: str
    dossier_rules: str
    class_map: str


class ActorBlock(Strict):
    kind: str
    id: str


class KeyBlock(Strict):
    algorithm: Literal["Ed25519"]
    key_id: str
    public_key: str


class Report(Strict):
    format: Literal["lantai-four-property-report-1"]
    stage: Literal["archiving", "hand_over", "long_term"]
    verdict: Literal["passed", "passed_with_notes", "waiting", "failed"]
    at: str
    as_of: str
    by: ActorBlock
    dossier_id: str
    dossier_version: int
    tool: ToolBlock
    package: PackageBlock
    class_map: dict[str, str]
    checklist: ChecklistBlock | None
    checks: list[CheckLine]
    key: KeyBlock


class SignatureFile(Strict):
    signs: Literal["report.json"]
    algorithm: Literal["Ed25519"]
    key_id: str
    public_key: str
    signature: str


@dataclass(frozen=True, slots=True)
class Signed:
    """The two tag files as they stand in the package."""

    report: bytes
    signature: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.report).hexdigest()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a report says beside the results."""

    stage: Stage
    actor: Actor
    at: datetime
    as_of: date
    dossier_id: str
    dossier_version: int
    confirmations: Mapping[str, Confirmation]


def schema() -> dict[str, Any]:
    """The published JSON Schema (2020-12) of report.json."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:lantai:four-property-report:1",
        **Report.model_json_schema(),
    }


def _word(value: StrEnum) -> Any:
    """A member's value for a field that lists the values once more: tests hold the two lists together."""
    return value.value


def key_id_of(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()[:16]


def line(check: Check, result: Result, said: Confirmation | None = None) -> CheckLine:
    shown = result.findings[:MAX_FINDINGS]
    return CheckLine(
        id=check.id,
        property=_word(check.property),
        mode=_word(check.mode),
        veto=check.veto,
        title=check.title,
        outcome=_word(result.outcome),
        looked=result.looked,
        findings=[FindingLine(where=f.where, words=f.words) for f in shown],
        findings_total=len(result.findings),
        note=result.note,
        by=str(said.by) if said is not None else None,
        at=_utc(said.at) if said is not None else None,
    )


def make_report(package: Package, results: Sequence[Result], about: Circumstances, signer: Signer) -> Report:
    public = signer.public_keys()[signer.key_id]
    tags = {name: layout.sha256((package.texts[name] or "").encode()) for name in layout.CORE_TAGS}
    payload = package.payload
    return Report(
        format="lantai-four-property-report-1",
        stage=_word(about.stage),
        verdict=_word(over(results)),
        at=_utc(about.at),
        as_of=about.as_of.isoformat(),
        by=ActorBlock(kind=about.actor.kind.value, id=str(about.actor.id)),
        dossier_id=about.dossier_id,
        dossier_version=about.dossier_version,
        tool=ToolBlock(
            name=layout.AGENT,
            check_rules=RULES_VERSION,
            dossier_rules=package.metadata.dossier_rules,
            class_map=package.metadata.class_map_version,
        ),
        package=PackageBlock(
            digest=tags[layout.MANIFEST],
            tags=tags,
            files=len(payload),
            bytes=sum(s.size for s in payload),
            unreadable=[s.path for s in payload if not s.readable],
        ),
        class_map=package.metadata.class_map,
        checklist=_checklist_block(package.checklist),
        checks=[line(BY_ID[r.check_id], r, about.confirmations.get(r.check_id)) for r in results],
        key=KeyBlock(algorithm="Ed25519", key_id=signer.key_id, public_key=base64.b64encode(public).decode()),
    )


def over(results: Sequence[Result]) -> Verdict:
    return verdict([(r, BY_ID[r.check_id].veto) for r in results])


def sign(report: Report, signer: Signer) -> Signed:
    data = write_document(report)
    signature = SignatureFile(
        signs="report.json",
        algorithm="Ed25519",
        key_id=report.key.key_id,
        public_key=report.key.public_key,
        signature=base64.b64encode(signer.sign(_PREFIX + data)).decode(),
    )
    return Signed(data, write_document(signature))


def read_report(data: bytes) -> Report:
    """Raises NotCanonical."""
    return read_document(Report, data)


def signature_fault(report: Report, data: bytes, signature: bytes) -> str:
    """Why the signature does not hold, in Chinese; empty when it does. Says nothing of whose key it is.

    Raises NotCanonical for a signature file that is none.
    """
    told = read_document(SignatureFile, signature)
    try:
        public = base64.b64decode(told.public_key, validate=True)
        raw = base64.b64decode(told.signature, validate=True)
    except (binascii.Error, ValueError):
        return "签名文件无法解读"
    if (told.key_id, told.public_key) != (report.key.key_id, report.key.public_key) or told.key_id != key_id_of(public):
        return "签名文件与报告中的公钥或密钥标识不一致"
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(raw, _PREFIX + data)
    except (InvalidSignature, ValueError):
        return "签名与报告内容不符"
    return ""


def public_key(report: Report) -> bytes:
    """As the report names it; who holds it is for the reader to know."""
    try:
        return base64.b64decode(report.key.public_key, validate=True)
    except (binascii.Error, ValueError):
        return b""


def checklist_of(report: Report) -> ChecklistState | None:
    told = report.checklist
    if told is None:
        return None
    return ChecklistState(told.version, tuple(MissingItem(m.where, m.words) for m in told.missing), told.required)


def _checklist_block(state: ChecklistState | None) -> ChecklistBlock | None:
    if state is None:
        return None
    missing = [FindingLine(where=m.code, words=m.words) for m in state.missing]
    return ChecklistBlock(version=state.version, required=state.required, missing=missing)


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
