"""A printed sheet as a download that no browser runs anything of and no cache keeps."""

from __future__ import annotations

from flask import Response


def pdf_file(name: str, data: bytes) -> Response:
    """``name`` is ASCII."""
    response = Response(data, content_type="application/pdf")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cache-Control"] = "no-store"
    return response
