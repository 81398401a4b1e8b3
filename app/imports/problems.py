"""Why a source as a whole cannot be used, as it is kept on the batch: codes and words, no cells."""

from __future__ import annotations

from typing import Any

from app.errors import DomainError
from app.wording.imports import WORDING

_WORDS = {
    "document_unreadable": "文件无法读取",
    "document_too_large": "文件过大",
    "invalid_input": "文件内容有误",
}


def problems_of(error: DomainError) -> list[dict[str, Any]]:
    words = WORDING[error.code][0] if error.code in WORDING else _WORDS.get(error.code, "文件无法使用")
    if not error.faults:
        return [{"pointer": "", "code": error.code, "words": words}]
    return [{"pointer": f.pointer, "code": f.code, "words": f.detail or words} for f in error.faults]
