"""Rows and opened values of a dossier as views for one reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from app.actors import Actor, ActorKind
from app.dossiers import rules
from app.dossiers.models import Material, MaterialVersion, Record, RecordVersion
from app.dossiers.places import about_place, body_place
from app.dossiers.rules import Zone, ZoneRule
from app.dossiers.views import Hidden, MaterialView, RecordView, VersionView
from app.envelope import DataKey, open_json


def hidden(rule: ZoneRule) -> Hidden:
    """Why the graduate does not see it."""
    return Hidden(rule.zone, rule.id, rule.ground, rule.ask, rule.objection)


def changed_fields(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return [k for k in sorted(before.keys() | after.keys()) if before.get(k) != after.get(k)]


def material_view(actor: Actor, row: Material, version: MaterialVersion, key: DataKey) -> MaterialView:
    """As far as the reader may see it."""
    graduate = actor.kind is ActorKind.GRADUATE
    sealed = graduate and row.zone is Zone.C
    about = {} if sealed else open_json(key, about_place(version), version.sealed_about)
    readable = not graduate or row.zone is Zone.A
    return MaterialView(
        id=row.id,
        class_code=row.class_code,
        class_label=rules.MATERIAL_CLASSES[row.class_code],
        kind=row.kind,
        sequence=row.sequence,
        zone=row.zone,
        version=row.current,
        title=about.get("title", rules.MASKED_TITLE),
        formed_on=about.get("formed_on"),
        pages=about.get("pages"),
        remark=about.get("remark") if readable else None,
        media_type=version.media_type if readable else None,
        size=version.size if readable else None,
        hidden=None if readable else hidden(rules.zone_rule(row.zone_rule)),
    )


def record_view(
    row: Record, owner: UUID, body: Mapping[str, str], versions: tuple[VersionView, ...] = ()
) -> RecordView:
    """``body`` is the current version's."""
    rule = rules.SECTIONS[row.section]
    return RecordView(
        id=row.id,
        dossier_id=row.dossier_id,
        graduate_id=owner,
        section=row.section,
        section_label=rule.label,
        position=row.position,
        zone=row.zone,
        version=row.current,
        body=body,
        labels={name: f.label for name, f in rule.fields.items()},
        versions=versions,
    )


def as_dict(rule: ZoneRule) -> dict[str, str]:
    """The same for a problem document."""
    return {
        "zone": rule.zone.value,
        "rule": rule.id,
        "ground": rule.ground,
        "ask": rule.ask,
        "objection": rule.objection,
    }


def version_views(key: DataKey, versions: Iterable[RecordVersion]) -> list[VersionView]:
    """Oldest first; each says what it changed."""
    views: list[VersionView] = []
    before: Mapping[str, str] = {}
    for v in versions:
        body = open_json(key, body_place(v), v.sealed_body)
        changed = changed_fields(before, body) if views else ()
        views.append(VersionView(v.number, v.source, v.source_id, v.created_at, body, tuple(changed)))
        before = body
    return views
