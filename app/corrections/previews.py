"""A picture of a proof to look at beside the ticket: the first page, drawn when it is asked for and kept nowhere."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from app.actors import Actor
from app.errors import NotFound
from app.file_ports import DocumentCleaner

Opened = Callable[[Actor, UUID, UUID], tuple[str, bytes]]


class EvidencePreviews:
    """``opened`` gives (media type, content) of a ticket's proof and puts the opening on record."""

    def __init__(self, opened: Opened, cleaner: DocumentCleaner) -> None:
        self._opened, self._cleaner = opened, cleaner

    def preview(self, actor: Actor, ticket_id: UUID, evidence_id: UUID) -> bytes:
        """JPEG of the first page. Raises NotFound also where nothing of the file can be drawn."""
        media_type, data = self._opened(actor, ticket_id, evidence_id)
        picture = self._cleaner.clean(data, media_type).preview
        if picture is None:
            raise NotFound("evidence_not_found")
        return picture
