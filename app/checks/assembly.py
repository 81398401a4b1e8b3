"""A dossier as a package: its documents written, its files fetched one at a time, its tag files made.

The same dossier version, checked on the same day, gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date

from app.checks import layout
from app.checks.documents import (
    CATALOGUE_LABELS,
    Catalogue,
    CatalogueItem,
    Counts,
    Metadata,
    RecordLine,
    Records,
    write_document,
)
from app.checks.package import Package, Seen
from app.checks.report import Signed
from app.dossiers import class_map
from app.dossiers.holdings import HeldMaterial, Holding
from app.dossiers.rules import MATERIAL_CLASSES, RULES_VERSION, SECTIONS
from app.errors import Tampered
from app.package_ports import PackedMaterial
from app.people.service import GraduateView

ZONES = {"A": "本人可查阅", "B": "本人仅知题名", "C": "题名不对本人显示"}


@dataclass(frozen=True, slots=True)
class House:
    """Who hands over."""

    school: str
    office: str


class HeldSource:
    """app.checks.package.Source over a dossier inside the archive; contents are opened when asked for."""

    def __init__(
        self,
        documents: Mapping[str, bytes],
        holding: Holding,
        fetch: Callable[[HeldMaterial], bytes],
        photo: Callable[[], bytes] | None = None,
    ) -> None:
        self._documents, self._fetch = documents, fetch
        self._single = {layout.PHOTO: photo} if photo is not None else {}
        self._materials = {path: m for m in holding.materials if (path := path_of(m)) is not None}

    def names(self) -> Sequence[str]:
        return sorted((*self._documents, *self._materials, *self._single))

    def read(self, name: str) -> bytes:
        if name in self._single:
            return self._single[name]()
        return self._documents[name] if name in self._documents else self._fetch(self._materials[name])


def path_of(material: HeldMaterial) -> str | None:
    if material.file_name is None:
        return None
    return layout.material_path(material.class_code, material.sequence, material.media_type or "")


def documents_of(holding: Holding, person: GraduateView, house: House) -> dict[str, bytes]:
    catalogue = Catalogue(
        format="lantai-catalogue-1", labels=dict(CATALOGUE_LABELS), items=[_line(m) for m in holding.materials]
    )
    records = Records(
        format="lantai-records-1",
        labels={s.value: {n: f.label for n, f in rule.fields.items()} for s, rule in SECTIONS.items()},
        records=[
            RecordLine(
                section=r.section.value, position=r.position, zone=r.zone.value, version=r.version, fields=dict(r.body)
            )
            for r in holding.records
        ],
    )
    filed = [m for m in holding.materials if m.file_name is not None]
    metadata = Metadata(
        format="lantai-metadata-1",
        archive=house.school,
        office=house.office,
        dossier_id=str(holding.dossier_id),
        dossier_version=holding.version,
        name=person.card.name,
        id_number=person.card.id_number,
        student_number=person.card.student_number,
        cohort_year=person.cohort_year,
        college=person.college,
        major=person.major,
        degree_level=person.degree_level,
        counts=Counts(
            records=len(holding.records),
            materials=len(holding.materials),
            files=len(filed),
            file_bytes=sum(m.size or 0 for m in filed),
        ),
        class_map=dict(MATERIAL_CLASSES),
        class_map_version=class_map.current().version,
        zones=ZONES,
        dossier_rules=RULES_VERSION,
    )
    return {
        layout.CATALOGUE: write_document(catalogue),
        layout.RECORDS: write_document(records),
        layout.METADATA: write_document(metadata),
    }


def _line(material: HeldMaterial) -> CatalogueItem:
    return CatalogueItem(
        class_code=material.class_code,
        sequence=material.sequence,
        title=material.title,
        kind=material.kind,
        formed_on=material.formed_on,
        pages=material.pages,
        remark=material.remark,
        zone=material.zone.value,
        path=path_of(material),
        media_type=material.media_type,
        size=material.size,
        sha256=material.facts.get("sha256"),
        sm3=material.facts.get("sm3"),
        version=material.version,
        source=material.source.value,
        filed_at=material.created_at.astimezone(UTC).isoformat(timespec="seconds"),
    )


def packed(holding: Holding) -> frozenset[PackedMaterial]:
    return frozenset(map(packed_material, holding.materials))


def packed_material(material: HeldMaterial) -> PackedMaterial:
    facts = material.facts
    return PackedMaterial(material.class_code, material.sequence, facts.get("sha256"), facts.get("sm3"))


def part_of(holding: Holding, only: frozenset[PackedMaterial]) -> Holding:
    """The dossier with no other materials than these."""
    return replace(holding, materials=tuple(m for m in holding.materials if packed_material(m) in only))


def with_tags(payload: Package, house: House, dossier_id: str, dossier_version: int, on: date) -> Package:
    """The package with the tag files that describe its payload. Files that cannot be read stand in no list."""
    held = [s for s in payload.payload if s.readable]
    info = (
        ("Source-Organization", house.school),
        ("Contact-Name", house.office),
        ("External-Description", "毕业生档案电子档案包"),
        ("External-Identifier", dossier_id),
        ("Internal-Sender-Identifier", f"{dossier_id}-v{dossier_version}"),
        ("Bagging-Date", on.isoformat()),
        ("Bag-Software-Agent", layout.AGENT),
        ("Payload-Oxum", f"{sum(s.size for s in held)}.{len(held)}"),
    )
    texts = {
        layout.BAGIT: layout.BAGIT_TEXT,
        layout.BAG_INFO: layout.bag_info(info),
        layout.MANIFEST: layout.digest_list({s.path: s.sha256 for s in held}),
        layout.SM3_LIST: layout.digest_list({s.path: s.sm3 for s in held}),
    }
    tags = {name: _tag(name, text.encode()) for name, text in texts.items()}
    return replace(payload, files={**payload.files, **tags}, texts=texts)


def _tag(name: str, data: bytes) -> Seen:
    return Seen(name, len(data), layout.sha256(data), layout.sm3(data))


def tag_files(texts: Mapping[str, str | None], signed: Signed, more: Mapping[str, bytes]) -> dict[str, bytes]:
    """Every tag file of the finished package; the tag manifest lists all the others. ``more``: HAND_OVER_FILES."""
    tags = {name: (text or "").encode() for name, text in texts.items()}
    tags |= {layout.REPORT: signed.report, layout.SIGNATURE: signed.signature, **more}
    listed = layout.digest_list({name: layout.sha256(data) for name, data in tags.items()})
    return {**tags, layout.TAG_MANIFEST: listed.encode()}


def given(data: bytes) -> Callable[[], bytes]:
    return lambda: data


def raising(error: Exception) -> Callable[[], bytes]:
    def read() -> bytes:
        raise error

    return read


def read_later(source: HeldSource, name: str, digest: str) -> Callable[[], bytes]:
    """What goes out is what was listed: a file that changed in between ends the package instead of spoiling it."""

    def read() -> bytes:
        data = source.read(name)
        if layout.sha256(data) != digest:
            raise Tampered(params={"table": "material_version"})
        return data

    return read
