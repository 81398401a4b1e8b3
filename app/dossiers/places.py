"""Where a dossier's sealed values live: the additional data every seal is bound to."""

from __future__ import annotations

from app.dossiers.models import Dossier, MaterialVersion, RecordVersion
from app.envelope import Place


def body_place(version: RecordVersion) -> Place:
    return Place("record_version", "sealed_body", version.id, version.number)


def about_place(version: MaterialVersion) -> Place:
    return Place("material_version", "sealed_about", version.id, version.number)


def file_place(version: MaterialVersion) -> Place:
    return Place("material_version", "file", version.id, version.number)


def photo_place(dossier: Dossier) -> Place:
    return Place("dossier", "photo", dossier.id)


def photo_name_place(dossier: Dossier) -> Place:
    return Place("dossier", "sealed_photo_name", dossier.id)


def facts_place(version: MaterialVersion) -> Place:
    return Place("material_version", "sealed_facts", version.id, version.number)


def preview_place(version: MaterialVersion) -> Place:
    return Place("material_version", "preview", version.id, version.number)
