"""Reading a dossier: the catalogue for every reader, content for the desk. Each opening is recorded by the service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort

from app.actors import Role
from app.dossiers.rules import Section
from app.dossiers.views import CatalogueItem, RecordView
from auth.guards import current_actor
from staff_console.gate import DESK, READERS, desk
from staff_console.graduates import graduate_or_404
from staff_console.parts import parts
from staff_console.render import fragment, page, wants_fragment


def _groups(items: Sequence[CatalogueItem], kind: str) -> list[tuple[str, str, list[CatalogueItem]]]:
    """(code, label, items) in the catalogue's order."""
    groups: dict[str, tuple[str, str, list[CatalogueItem]]] = {}
    for item in items:
        if item.kind == kind:
            groups.setdefault(item.group, (item.group, item.group_label, []))[2].append(item)
    return list(groups.values())


def _columns(records: Sequence[RecordView]) -> list[tuple[str, str]]:
    """(field, label) that at least one record fills."""
    return (
        [(n, label) for n, label in records[0].labels.items() if any(r.body.get(n) for r in records)] if records else []
    )


def add_dossiers(console: Blueprint) -> None:
    @console.get("/graduates/<uuid:graduate_id>/dossier")
    @desk(*READERS)
    def dossier(graduate_id: UUID) -> Response:
        actor = current_actor()
        found = graduate_or_404(graduate_id)
        catalogue = parts().dossiers.catalogue(actor, parts().dossiers.dossier_id_of(graduate_id))
        return page(
            "dossier.html",
            graduate=found,
            tab="dossier",
            catalogue=catalogue,
            sections=_groups(catalogue.items, "record"),
            classes=_groups(catalogue.items, "material"),
            may_open=actor.has_role(*DESK),
            paper=parts().custody.paper(actor, graduate_id),
            purpose=parts().purposes.current(actor, graduate_id),
            may_file=actor.has_role(Role.ARCHIVIST),
        )

    @console.get("/graduates/<uuid:graduate_id>/dossier/<section>")
    @desk(*DESK)
    def section(graduate_id: UUID, section: str) -> Response:
        if section not in set(Section):
            abort(404)
        found = graduate_or_404(graduate_id)
        dossier_id = parts().dossiers.dossier_id_of(graduate_id)
        view = parts().dossiers.section(current_actor(), Section(section), dossier_id)
        context: dict[str, Any] = {"graduate": found, "view": view, "columns": _columns(view.records)}
        return (
            fragment("_section.html", **context) if wants_fragment() else page("section.html", tab="dossier", **context)
        )

    @console.get("/records/<uuid:record_id>")
    @desk(*DESK)
    def record(record_id: UUID) -> Response:
        view = parts().dossiers.record(current_actor(), record_id)
        made = parts().correction_history.of_record(current_actor(), record_id)
        context: dict[str, Any] = {"record": view, "decisions": made.decisions, "proofs": made.proofs}
        return page("record.html", graduate=graduate_or_404(view.graduate_id), tab="dossier", **context)
