"""Reading a PDF as a reader program does: its text, its fonts, what it says it is."""

from __future__ import annotations

import io
from typing import Any

import pikepdf
import pypdfium2


def text_of(pdf: bytes) -> str:
    """The words in reading order. PDFium gives a hyphen at the end of a line as U+FFFE; here it is a hyphen again."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return "\n".join(page.get_textpage().get_text_range() for page in document).replace("\ufffe", "-")
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
