"""A proof becomes a row with its file: cleaned, sealed and stored before any transaction."""

from __future__ import annotations

import os
from datetime import datetime

from app.corrections.models import Evidence
from app.corrections.places import evidence_place
from app.db import new_id
from app.envelope import DataKey, seal_bytes
from app.file_ports import DocumentCleaner, FileStore


def keep_evidence(
    files: FileStore, cleaner: DocumentCleaner, key: DataKey, data: bytes, claimed_type: str, now: datetime
) -> Evidence:
    """The row that is still to be added; its file lies sealed in the store. Raises Invalid, TooLarge."""
    document = cleaner.clean(data, claimed_type)
    row = Evidence(
        id=new_id(),
        graduate_id=key.owner,
        file_name=os.urandom(24).hex(),
        media_type=document.media_type,
        size=len(document.data),
        pages=document.pages,
        created_at=now,
    )
    files.put(row.file_name, seal_bytes(key, evidence_place(row.id), document.data))
    return row
