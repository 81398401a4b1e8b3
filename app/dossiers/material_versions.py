"""The versions of one material, opened for staff: what was measured of each, and its preview."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.dossiers.models import MaterialVersion
from app.dossiers.places import about_place, facts_place, preview_place
from app.dossiers.views import MaterialVersionView
from app.envelope import DataKey, open_bytes, open_json
from app.errors import NotFound
from app.file_ports import FileStore


def versions(session: Session, key: DataKey, material_id: UUID) -> tuple[MaterialVersionView, ...]:
    """Newest first. Raises Tampered."""
    rows = session.scalars(
        select(MaterialVersion)
        .where(MaterialVersion.material_id == material_id)
        .order_by(MaterialVersion.number.desc())
    )
    return tuple(_view(key, v) for v in rows)


def numbered(session: Session, material_id: UUID, number: int) -> MaterialVersion:
    """Raises NotFound."""
    row = session.scalar(
        select(MaterialVersion).where(MaterialVersion.material_id == material_id, MaterialVersion.number == number)
    )
    if row is None:
        raise NotFound("material_file_not_shown")
    return row


def preview(files: FileStore, key: DataKey, version: MaterialVersion) -> bytes:
    """The small JPEG of the first page. Raises NotFound where none could be drawn, Tampered."""
    if version.preview_name is None:
        raise NotFound("material_file_not_shown")
    return open_bytes(key, preview_place(version), files.get(version.preview_name))


def _view(key: DataKey, v: MaterialVersion) -> MaterialVersionView:
    about = open_json(key, about_place(v), v.sealed_about)
    return MaterialVersionView(
        number=v.number,
        source=v.source,
        source_id=v.source_id,
        created_at=v.created_at,
        title=about["title"],
        formed_on=about.get("formed_on"),
        pages=about.get("pages"),
        remark=about.get("remark"),
        media_type=v.media_type,
        size=v.size,
        has_preview=v.preview_name is not None,
        facts=open_json(key, facts_place(v), v.sealed_facts) if v.sealed_facts is not None else {},
    )
