"""How one carrier's query API names things: a TOML file a house may replace, since contracts differ.

The real EMS 协议客户 API is described to contract customers only. The shipped ems.toml is a generic dialect of the same
style; who has a contract writes the names of their specification into a file of their own (LANTAI_EMS_DIALECT).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from app.carrier_ports import CarrierCode

SHIPPED = Path(__file__).with_name("ems.toml")
Name = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9_\-./]+$")]


class DialectInvalid(Exception):
    """``faults`` say what is wrong in the file."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("; ".join(faults))


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class RequestNames(_Table):
    """Members of the request's JSON object. ``path`` is appended to the base address."""

    path: Name
    app_id: Name
    timestamp: Name
    nonce: Name
    signature: Name
    number: Name


class AnswerNames(_Table):
    """``result`` and ``trace`` are paths of members, joined by dots."""

    result: Name
    number: Name
    trace: Name
    ok: tuple[str, ...] = Field(min_length=1)
    unknown: tuple[str, ...]

    @field_validator("ok", "unknown", mode="before")
    @classmethod
    def _tuple(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value


class EventNames(_Table):
    """``id`` and the others are members of each trace entry; ``at_format`` is strptime's, or "ms" for milliseconds."""

    id: Name
    at: Name
    at_format: str = Field(min_length=2, max_length=40)
    time_zone: str
    code: Name
    place: Name
    words: Name
    signer: Name

    @field_validator("time_zone")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("no such time zone") from None
        return value


class Dialect(_Table):
    signature: Literal["hmac-sha256-hex"] = "hmac-sha256-hex"
    request: RequestNames
    answer: AnswerNames
    event: EventNames
    codes: Mapping[str, str]

    @field_validator("codes")
    @classmethod
    def _ours(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        strange = sorted(set(value.values()) - set(CarrierCode))
        if strange:
            raise ValueError(f"no such code of ours: {', '.join(strange)}")
        return value

    def code_of(self, word: str) -> CarrierCode:
        """What the dialect does not know is an exception: a person reads the words."""
        return CarrierCode(self.codes.get(word, CarrierCode.EXCEPTION))


def load(path: Path | None = None) -> Dialect:
    """The shipped dialect, or the one in ``path``. Raises DialectInvalid naming every fault."""
    try:
        return Dialect.model_validate(tomllib.loads((path or SHIPPED).read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError):
        raise DialectInvalid(["cannot be read"]) from None
    except tomllib.TOMLDecodeError as error:
        raise DialectInvalid([f"is no TOML: {error}"]) from None
    except ValidationError as error:
        raise DialectInvalid([f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]) from None
