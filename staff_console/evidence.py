"""Files out of the archive: proofs of a ticket and materials of a dossier, opened in memory, never cached."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request

from auth.guards import current_actor
from staff_console.gate import DESK, desk
from staff_console.parts import parts

# a PDF is handed over as a download: a browser's viewer does not run inside a sandbox, and outside of one it may
# follow links and scripts of the file
INLINE = frozenset({"image/jpeg", "image/png"})
SUFFIXES = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/tiff": "tiff",
    "application/pdf": "pdf",
    "application/ofd": "ofd",
}


def file_response(media_type: str, data: bytes, name: str) -> Response:
    """Shown in the browser only where it is a picture and was not asked for as a download."""
    inline = media_type in INLINE and request.args.get("download") != "1"
    response = Response(data, content_type=media_type if media_type in SUFFIXES else "application/octet-stream")
    response.headers["Content-Disposition"] = f'{"inline" if inline else "attachment"}; filename="{name}"'
    response.headers["Content-Security-Policy"] = (
        "sandbox; default-src 'none'; img-src 'self'; style-src 'unsafe-inline'"
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def preview_response(data: bytes) -> Response:
    """A picture we drew ourselves: shown in the page, never sniffed as anything else, never cached."""
    response = Response(data, content_type="image/jpeg")
    response.headers["Content-Disposition"] = 'inline; filename="preview.jpg"'
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response


def add_evidence(console: Blueprint) -> None:
    @console.get("/tickets/<uuid:ticket_id>/evidence/<uuid:evidence_id>")
    @desk(*DESK)
    def evidence(ticket_id: UUID, evidence_id: UUID) -> Response:
        media_type, data = parts().desk.evidence_file(current_actor(), ticket_id, evidence_id)
        return file_response(media_type, data, f"evidence-{evidence_id.hex[:8]}.{SUFFIXES.get(media_type, 'bin')}")

    @console.get("/tickets/<uuid:ticket_id>/evidence/<uuid:evidence_id>/preview")
    @desk(*DESK)
    def evidence_preview(ticket_id: UUID, evidence_id: UUID) -> Response:
        return preview_response(parts().previews.preview(current_actor(), ticket_id, evidence_id))

    @console.get("/materials/<uuid:material_id>/file")
    @desk(*DESK)
    def material_file(material_id: UUID) -> Response:
        found = parts().dossiers.material_file(current_actor(), material_id)
        return file_response(found.media_type, found.data, found.name)
