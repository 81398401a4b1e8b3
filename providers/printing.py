"""Printing by Typst: PDF/A-2u with every font embedded, so that text can be copied, searched and kept.

PDF/A-2u (ISO 19005-2, level U) makes a missing glyph an error; warnings are errors too: a sheet is right or is not.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import justmytype_intl_cjk
import noto_cjk_sans_otc
import structlog
import typst

from app.errors import Unavailable

FORMS = Path(__file__).resolve().parent / "print_forms"
GETA = "〓"
CHARACTERS = "characters"
_NOT_DISPLAYED = re.compile(r'the text `"(.*?)"` could not be displayed', re.DOTALL)
_ESCAPED = re.compile(r"\\u\{([0-9a-fA-F]{1,6})\}")
log = structlog.get_logger(__name__)


@cache
def fonts() -> typst.Fonts:
    """Noto Sans SC, and Noto Sans CJK for what it lacks; found through their packages, nothing of the system's."""
    simplified = Path(justmytype_intl_cjk.__file__).parent / "fonts" / "ofl" / "notosanssc"
    every = Path(noto_cjk_sans_otc.__file__).parent
    return typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(simplified), str(every)]
    )


class TypstPrinter:
    """One compiler per thread: they keep state between runs."""

    def __init__(self) -> None:
        self._own = threading.local()

    def print(self, form: str, data: Mapping[str, Any], at: datetime) -> bytes:
        """``form`` names a file of print_forms/; the same data at the same moment give the same bytes.

        A character that no font has is printed as 〓, with its number in the note under the sheet.
        Raises Unavailable when the form does not compile cleanly.
        """
        try:
            return self._compile(form, data, at)
        except typst.TypstError as error:
            kind, lacking = type(error).__name__, bool(_missing(error.message))
        unprintable = self._unprintable(data, at) if lacking else []
        if unprintable:
            try:
                return self._compile(form, _marked(data, unprintable), at)
            except typst.TypstError as error:
                kind = type(error).__name__
        # the message may quote the data, so only its kind is told
        log.error("printing_failed", form=form, error_type=kind)
        raise Unavailable("printing_unavailable")

    def _unprintable(self, data: Mapping[str, Any], at: datetime) -> list[str]:
        """Typst names one text at a time: asking with the characters alone spares setting a long sheet each time."""
        left, found = _characters(data), list[str]()
        for _ in range(len(left)):
            try:
                self._compile(CHARACTERS, {"title": CHARACTERS, "characters": "".join(sorted(left))}, at)
                break
            except typst.TypstError as error:
                missing = _missing(error.message) & left
                if not missing:
                    break
                found += sorted(missing)
                left -= missing
        return found

    def _compile(self, form: str, data: Mapping[str, Any], at: datetime) -> bytes:
        compiler = self._compiler()
        inputs = {"data": json.dumps(data, ensure_ascii=False)}
        try:
            pdf, warnings = compiler.compile_with_warnings(
                (FORMS / f"{form}.typ").read_bytes(),
                sys_inputs=inputs,
                format="pdf",
                pdf_standards="a-2u",
                timestamp=at.replace(microsecond=0),  # Typst takes whole seconds only
            )
        finally:
            # what was printed must not lie in this thread until the next sheet
            compiler.compile(b"", sys_inputs=None, format="svg")
        if warnings or not isinstance(pdf, bytes):
            log.error("printing_failed", form=form, warnings=len(warnings))
            raise Unavailable("printing_unavailable")
        return pdf

    def _compiler(self) -> typst.Compiler:
        found: typst.Compiler | None = getattr(self._own, "compiler", None)
        if found is None:
            found = self._own.compiler = typst.Compiler(root=str(FORMS), font_paths=fonts())
        return found


def _missing(message: str) -> set[str]:
    """The characters a font error names, out of what stands between its quotes."""
    quoted = _NOT_DISPLAYED.search(message)
    if quoted is None:
        return set()
    text = _ESCAPED.sub(lambda m: chr(int(m[1], 16)), quoted[1])
    return {c for c in text if c != GETA and not c.isspace()}


def _characters(value: Any) -> set[str]:
    if isinstance(value, str):
        return {c for c in value if not c.isspace()}
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return set().union(*map(_characters, inside))


def _marked(data: Mapping[str, Any], unprintable: Sequence[str]) -> Mapping[str, Any]:
    if not unprintable:
        return data
    table = {ord(c): GETA for c in unprintable}
    numbers = "、".join(f"U+{ord(c):04X}" for c in unprintable)
    return {**_replaced(data, table), "unprintable": f"〓 代表字库中没有的字：{numbers}"}


def _replaced(value: Any, table: Mapping[int, str]) -> Any:
    if isinstance(value, str):
        return value.translate(table)
    if isinstance(value, Mapping):
        return {k: _replaced(v, table) for k, v in value.items()}
    return [_replaced(v, table) for v in value] if isinstance(value, list | tuple) else value
