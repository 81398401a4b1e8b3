"""Reading a PDF as a reader program does: its text, its fonts, what it says it is."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pikepdf
import pypdfium2
import segno


def text_of(pdf: bytes) -> str:
    """The words in reading order. PDFium gives a hyphen at the end of a line as U+FFFE; here it is a hyphen again."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return "\n".join(page.get_textpage().get_text_range() for page in document).replace("\ufffe", "-")
    finally:
        document.close()


def pages_of(pdf: bytes) -> list[str]:
    """The words of each page without any white space or place to break: fields may wrap anywhere."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [re.sub(r"[\s\u200b\ufffe]", "", page.get_textpage().get_text_range()) for page in document]
    finally:
        document.close()


def fonts_of(pdf: bytes) -> dict[str, bool]:
    """Name -> whether its file is inside."""
    found: dict[str, bool] = {}
    with pikepdf.open(io.BytesIO(pdf)) as document:
        for page in document.pages:
            fonts: Any = page.Resources.get("/Font", {})
            for font in fonts.values():
                descriptor = font.DescendantFonts[0].FontDescriptor
                embedded = any(name in descriptor for name in ("/FontFile", "/FontFile2", "/FontFile3"))
                found[str(font.BaseFont)] = embedded
    return found


def conformance_of(pdf: bytes) -> str:
    """As '2U'; empty when the file claims nothing."""
    with pikepdf.open(io.BytesIO(pdf)) as document:
        return str(document.open_metadata().pdfa_status)


def shows_code(pdf: bytes, text: str, width_mm: float, page: int = 0) -> bool:
    """Whether the page, as a picture of 300 dpi, has the QR code of ``text`` that wide: every module as it must be,
    and nothing at all in the four modules' breadth around it, which readers need.
    """
    document = pypdfium2.PdfDocument(pdf)
    try:
        ink = document[page].render(scale=300 / 72).to_numpy()[:, :, :3].mean(axis=2) < 200
    finally:
        document.close()
    wanted = list(segno.make(text, error="m", micro=False).matrix)
    module = width_mm / len(wanted) * 300 / 25.4
    whole, quiet = round(width_mm * 300 / 25.4), int(4 * module) - 1
    ink = np.pad(ink, quiet)  # what lies beyond the paper is light
    offsets = [(round((r + 0.5) * module), round((c + 0.5) * module)) for r, c in np.ndindex(len(wanted), len(wanted))]
    modules = [bool(v) for row in wanted for v in row]
    rows, columns = np.indices((ink.shape[0] - whole, ink.shape[1] - whole)).reshape(2, -1)
    # dark modules first: they are rarer on paper, so few places are left soon
    for (down, right), value in sorted(zip(offsets, modules, strict=True), key=lambda o: not o[1]):
        fits = ink[rows + down, columns + right] == value
        rows, columns = rows[fits], columns[fits]
    for top, left in zip(rows, columns, strict=True):
        around = ink[top - quiet : top + whole + quiet, left - quiet : left + whole + quiet].copy()
        around[quiet - 1 : quiet + whole + 1, quiet - 1 : quiet + whole + 1] = False
        if around.size and not around.any():
            return True
    return False


def overlapping(pdf: bytes) -> str:
    """The characters that are printed over others: text that did not fit its field, also where it was cut off.

    Neighbours in a line do not count: a J reaches below the letter before it.
    """
    found = ""
    document = pypdfium2.PdfDocument(pdf)
    try:
        for page in document:
            words = page.get_textpage()
            seen = [(n, words.get_text_range(n, 1)) for n in range(words.count_chars())]
            marks = [(n, c) for n, c in seen if c.strip() and c not in "\u200b\ufffe"]
            boxes = np.array([words.get_charbox(n) for n, _ in marks])
            left, bottom, right, top = boxes.T
            wide = np.minimum(right, right[:, None]) - np.maximum(left, left[:, None])
            high = np.minimum(top, top[:, None]) - np.maximum(bottom, bottom[:, None])
            over = (wide > 0.8) & (high > 0.8)
            over &= ~(np.eye(len(marks), k=0) + np.eye(len(marks), k=1) + np.eye(len(marks), k=-1)).astype(bool)
            found += "".join(c for (_, c), hit in zip(marks, over.any(axis=1), strict=True) if hit)
    finally:
        document.close()
    return found
