"""The three JSON documents of a package, as types: catalogue, records, metadata; and the one form they are written in.

Canonical form: UTF-8 without byte-order mark, keys sorted, no blanks between tokens, no floating-point numbers, one
newline at the end. Reading is strict: an unknown field, a wrong type or another spelling of the same value is a fault.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

MAX_DOCUMENT = 16 * 1024 * 1024

# names of DA/T 46-2009 文书类电子文件元数据方案 where it has one, for readers of another system
CATALOGUE_LABELS: Mapping[str, str] = {
    "class_code": "类号",
    "sequence": "类内顺序号",
    "title": "题名",
    "kind": "材料种类",
    "formed_on": "日期",
    "pages": "页数",
    "remark": "附注",
    "zone": "开放范围",
    "path": "计算机文件名",
    "media_type": "格式信息",
    "size": "计算机文件大小",
    "sha256": "数字摘要(SHA-256)",
    "sm3": "数字摘要(SM3)",
    "version": "版本号",
    "source": "来源",
    "filed_at": "归档时间",
}


class NotCanonical(ValueError):
    """The bytes are not the one canonical spelling of what they say."""


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class CatalogueItem(Strict):
    """One material. ``path`` is null for one that exists on paper only; the digests are those recorded at filing."""

    class_code: str
    sequence: int
    title: str
    kind: str
    formed_on: str | None
    pages: int | None
    remark: str | None
    zone: str
    path: str | None
    media_type: str | None
    size: int | None
    sha256: str | None
    sm3: str | None
    version: int
    source: str
    filed_at: str


class Catalogue(Strict):
    format: Literal["lantai-catalogue-1"]
    labels: dict[str, str]
    items: list[CatalogueItem]


class RecordLine(Strict):
    section: str
    position: int
    zone: str
    version: int
    fields: dict[str, str]


class Records(Strict):
    format: Literal["lantai-records-1"]
    labels: dict[str, dict[str, str]]
    records: list[RecordLine]


class Counts(Strict):
    """What the package says it holds, to be counted again by whoever receives it."""

    records: int
    materials: int
    files: int
    file_bytes: int


class Metadata(Strict):
    """About the dossier as a whole. ``class_map`` and ``zones`` let a reader without this system understand it."""

    format: Literal["lantai-metadata-1"]
    archive: str
    office: str
    dossier_id: str
    dossier_version: int
    name: str
    id_number: str
    student_number: str
    cohort_year: int
    college: str
    major: str
    degree_level: str
    counts: Counts
    class_map: dict[str, str]
    class_map_version: str
    zones: dict[str, str]
    dossier_rules: str


M = TypeVar("M", bound=Strict)


def canonical(value: Any) -> bytes:
    """Raises ValueError for floating-point numbers and what JSON cannot say."""
    _refuse_floats(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise ValueError("no floating-point numbers in canonical documents")
    if isinstance(value, Mapping):
        for each in value.values():
            _refuse_floats(each)
    elif isinstance(value, list | tuple):
        for each in value:
            _refuse_floats(each)


def read_canonical(data: bytes) -> Any:
    """The value these bytes are the canonical form of. Raises NotCanonical."""
    if len(data) > MAX_DOCUMENT:
        raise NotCanonical("too large")
    try:
        value = json.loads(data.decode("utf-8"))
        if canonical(value) != data:
            raise NotCanonical("another spelling")
    except (ValueError, RecursionError):
        raise NotCanonical("not canonical JSON") from None
    return value


def write_document(document: Strict) -> bytes:
    return canonical(document.model_dump(mode="json"))


def read_document(kind: type[M], data: bytes) -> M:
    """Raises NotCanonical for bytes that are not such a document in canonical form."""
    try:
        return kind.model_validate(read_canonical(data))
    except ValidationError:
        raise NotCanonical("not a " + kind.__name__) from None
