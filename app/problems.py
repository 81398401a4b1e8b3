"""From the domain's words to HTTP: one table of status and wording, and RFC 9457 problem documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.errors import (
    Conflict,
    DomainError,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    PreconditionMissing,
    RateLimited,
    StepUpRequired,
    Tampered,
    TooLarge,
    Unauthenticated,
    Unavailable,
    VersionMismatch,
)
from app.ports import CallbackRejected, LoginCodeRejected, LoginRefusedByPlatform, PhoneProofRejected
from app.wording import (
    campaigns,
    channels,
    chat,
    checks,
    completeness,
    corrections,
    custody,
    documents,
    electronic,
    foundation,
    governance,
    imports,
    materials,
    notices,
    partners,
    queues,
    receivers,
    retrieval,
    staff,
    statistics,
    transfers,
    undelivered,
    webhooks,
)

STATUS: Mapping[type[DomainError], int] = {
    Invalid: 422,
    NotFound: 404,
    Gone: 410,
    Unauthenticated: 401,
    Forbidden: 403,
    StepUpRequired: 403,
    Conflict: 409,
    VersionMismatch: 412,
    PreconditionMissing: 428,
    RateLimited: 429,
    TooLarge: 413,
    Unavailable: 503,
    Tampered: 500,
    LoginCodeRejected: 422,
    LoginRefusedByPlatform: 403,
    PhoneProofRejected: 422,
    CallbackRejected: 403,
}
STATUS_BY_CODE: Mapping[str, int] = {
    "idempotency_key_required": 400,
    "idempotency_key_reused": 422,
    "malformed": 400,
    "json_malformed": 400,
    "json_content_type": 415,
    "batch_content_type": 415,
}

# Each room's words stand in a module of their own.
WORDING: Mapping[str, tuple[str, str]] = {
    **channels.WORDING,
    **campaigns.WORDING,
    **chat.WORDING,
    **checks.WORDING,
    **foundation.WORDING,
    **imports.WORDING,
    **materials.WORDING,
    **notices.WORDING,
    **completeness.WORDING,
    **corrections.WORDING,
    **custody.WORDING,
    **documents.WORDING,
    **electronic.WORDING,
    **partners.WORDING,
    **queues.WORDING,
    **receivers.WORDING,
    **retrieval.WORDING,
    **statistics.WORDING,
    **transfers.WORDING,
    **staff.WORDING,
    **governance.WORDING,
    **undelivered.WORDING,
    **webhooks.WORDING,
}
FAULT_WORDS: Mapping[str, tuple[str, str]] = {
    **channels.FAULT_WORDS,
    **campaigns.FAULT_WORDS,
    **checks.FAULT_WORDS,
    **foundation.FAULT_WORDS,
    **imports.FAULT_WORDS,
    **materials.FAULT_WORDS,
    **completeness.FAULT_WORDS,
    **corrections.FAULT_WORDS,
    **custody.FAULT_WORDS,
    **partners.FAULT_WORDS,
    **queues.FAULT_WORDS,
    **receivers.FAULT_WORDS,
    **retrieval.FAULT_WORDS,
    **statistics.FAULT_WORDS,
    **transfers.FAULT_WORDS,
    **staff.FAULT_WORDS,
    **governance.FAULT_WORDS,
    **webhooks.FAULT_WORDS,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """RFC 9457, plus ``code`` (stable), ``request_id`` and ``errors`` (one per wrong field)."""

    status: int
    code: str
    title: str
    detail: str
    errors: tuple[Mapping[str, str], ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def document(self, request_id: str) -> dict[str, Any]:
        body: dict[str, Any] = {
            "type": f"/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "request_id": request_id,
        }
        if self.errors:
            body["errors"] = [dict(e) for e in self.errors]
        return {**body, **self.extra}


def status_of(error: DomainError) -> int:
    if error.code in STATUS_BY_CODE:
        return STATUS_BY_CODE[error.code]
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 422)


def wording(code: str, english: bool, params: Mapping[str, object]) -> str:
    text = WORDING.get(code, WORDING["invalid_input"])[1 if english else 0]
    return text.format_map(_Blank(params))


def words_kept(code: str) -> str:
    """In Chinese, of a reason kept by its code; what it says of the case at hand is left out."""
    return transfers.without_case(WORDING.get(code, WORDING["invalid_input"])[0]).format_map(_Blank())


class _Blank(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return ""


def problem_of(error: DomainError, *, english: bool = False) -> Problem:
    words = wording(error.code, english, error.params)
    errors = tuple(
        {
            "pointer": f.pointer,
            "code": f.code,
            "detail": f.detail or FAULT_WORDS.get(f.code, ("有误", "is wrong"))[1 if english else 0],
        }
        for f in error.faults
    )
    return Problem(status_of(error), error.code, words, words, errors, error.extra)
