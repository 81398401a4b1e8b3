"""Where this room's sealed values live."""

from __future__ import annotations

from uuid import UUID

from app.envelope import Place


def outcome_place(upload_id: UUID) -> Place:
    return Place("scan_upload", "sealed_outcome", upload_id)


def proposal_place(supplement_id: UUID) -> Place:
    return Place("supplement", "sealed_proposal", supplement_id)


def facts_place(supplement_id: UUID) -> Place:
    return Place("supplement", "sealed_facts", supplement_id)


def answer_place(supplement_id: UUID) -> Place:
    return Place("supplement", "sealed_answer", supplement_id)


def file_place(supplement_id: UUID) -> Place:
    return Place("supplement", "file", supplement_id)


def preview_place(supplement_id: UUID) -> Place:
    return Place("supplement", "preview", supplement_id)
