"""The domain's words for what went wrong. They know no HTTP; app/problems.py maps codes to status and wording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One wrong input field: ``pointer`` is a JSON pointer or column name, ``code`` a stable word."""

    pointer: str
    code: str
    detail: str = ""


class DomainError(Exception):
    """Base of every expected failure.

    ``code`` is stable and part of the API; ``params`` fill the wording and hold no personal data;
    ``extra`` becomes members of the problem document.
    """

    default_code = "error"

    def __init__(
        self,
        code: str | None = None,
        *,
        params: Mapping[str, object] | None = None,
        extra: Mapping[str, object] | None = None,
        faults: Sequence[FieldFault] = (),
    ) -> None:
        self.code = code or self.default_code
        self.params = dict(params or {})
        self.extra = dict(extra or {})
        self.faults = tuple(faults)
        super().__init__(self.code)


class Invalid(DomainError):
    """The input cannot be used as it is; ``faults`` name the fields."""

    default_code = "invalid_input"


class NotFound(DomainError):
    """Absent, or somebody else's: the two are never told apart."""

    default_code = "not_found"


class Gone(DomainError):
    """It was there and will not come back."""

    default_code = "gone"


class Unauthenticated(DomainError):
    default_code = "session_required"


class Forbidden(DomainError):
    """The actor is known but may not do this kind of thing at all."""

    default_code = "forbidden"


class StepUpRequired(DomainError):
    """More assurance is needed; ``extra`` lists purpose and acceptable next factors."""

    default_code = "step_up_required"


class Conflict(DomainError):
    """The state of the thing does not allow this now."""

    default_code = "conflict"


class VersionMismatch(DomainError):
    """Somebody changed the thing since it was read."""

    default_code = "version_mismatch"


class PreconditionMissing(DomainError):
    """An If-Match or Idempotency-Key header is required here."""

    default_code = "precondition_required"


class RateLimited(DomainError):
    """``extra['retry_after']`` is in whole seconds."""

    default_code = "rate_limited"


class TooLarge(DomainError):
    default_code = "too_large"


class Unavailable(DomainError):
    """Something outside our walls does not answer; nothing was changed. Safe to try again later."""

    default_code = "temporarily_unavailable"


class Tampered(DomainError):
    """A sealed value does not open: altered, moved to another place, or the wrong key. Never answered with data."""

    default_code = "sealed_value_damaged"
