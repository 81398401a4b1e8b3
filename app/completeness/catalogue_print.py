"""The archive catalogue (档案材料目录) as a sheet to print: columns after the form of 干部人事档案材料目录.

Goes through DossierService.catalogue, so the reading is recorded and a graduate's sealed titles are masked.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from itertools import groupby
from typing import Any
from uuid import UUID

from app.actors import Actor, ActorKind, Role
from app.db import Database
from app.dossiers import class_map
from app.dossiers.service import DossierService
from app.dossiers.views import CatalogueItem, CatalogueView
from app.envelope import BlindIndex
from app.errors import Unavailable
from app.events import EventLog
from app.file_ports import PdfPrinter
from app.office_time import OFFICE_TIME
from app.people.service import GraduateView, PeopleService
from app.ports import Clock
from app.qr_codes import qr_drawing

FULL_IDENTITY = (Role.ARCHIVIST, Role.REVIEWER)
FORM = "catalogue"


class CataloguePrinter:
    """``office`` heads the sheet."""

    def __init__(
        self,
        db: Database,
        dossiers: DossierService,
        people: PeopleService,
        index: BlindIndex,
        printer: PdfPrinter | None,
        log: EventLog,
        clock: Clock,
        office: str,
    ) -> None:
        self._db, self._dossiers, self._people, self._index = db, dossiers, people, index
        self._printer, self._log, self._clock, self._office = printer, log, clock, office

    def print(self, actor: Actor, graduate_id: UUID) -> bytes:
        """A PDF. Names stand in full for staff who read content, masked for dispatchers and the graduate; the ID
        number is masked for everybody. Raises NotFound, Forbidden, Unavailable.
        """
        if self._printer is None:
            raise Unavailable("printing_unavailable")
        dossier_id = self._dossiers.dossier_id_of(graduate_id)
        view = self._dossiers.catalogue(actor, dossier_id)
        graduate = self._people.graduate(graduate_id)
        with self._db.transaction() as session:
            self._log.record(
                session,
                actor,
                "dossier.catalogue_printed_read",
                graduate_id=graduate_id,
                object_kind="dossier",
                object_id=dossier_id,
                data={"version": view.version, "class_map": class_map.current().version},
            )
        return self._printer.print(FORM, self._sheet(actor, view, graduate), self._clock.now())

    def check_value(self, dossier_id: UUID, version: int) -> str:
        """Sixteen characters that say which version of which dossier was printed, to whoever holds the key alone."""
        digest = self._index.of("dossier", "catalogue_print", f"{dossier_id}|{version}")
        text = base64.b32encode(digest[:10]).decode()
        return "-".join(text[i : i + 4] for i in range(0, 16, 4))

    def _sheet(self, actor: Actor, view: CatalogueView, graduate: GraduateView) -> dict[str, Any]:
        materials = [i for i in view.items if i.kind == "material"]
        kinds = class_map.current()
        check = self.check_value(view.dossier_id, view.version)
        printed = self._clock.now().astimezone(OFFICE_TIME).strftime("%Y-%m-%d %H:%M")
        own = actor.kind is ActorKind.GRADUATE
        return {
            "title": "档案材料目录",
            "office": self._office,
            "facts": _facts(graduate, full=actor.has_role(*FULL_IDENTITY)),
            "qr": qr_drawing(check),
            "check": check,
            "note": "本目录由本人查询打印，供核对材料之用；依规定不予显示的题名已遮盖，不作为转递凭证。" if own else "",
            "groups": [
                {"code": code, "label": items[0].group_label, "rows": [_row(i) for i in items]}
                for code, items in ((c, list(g)) for c, g in groupby(materials, key=lambda i: i.group))
            ],
            "total": len(materials),
            "pages_total": sum(i.pages or 0 for i in materials),
            "signatures": [] if own else ["编制人", "核对人", "日期"],
            "footer_left": f"打印于 {printed}",
            "footer_right": f"档案第 {view.version} 版 · 规则 {view.rules_version} · 类别映射 {kinds.version}",
        }


def _facts(graduate: GraduateView, *, full: bool) -> list[tuple[str, str]]:
    masked = graduate.card.masked()
    shown = graduate.card if full else masked
    return [
        ("姓名", shown.name),
        ("学号", shown.student_number),
        ("身份证号", masked.id_number),
        ("届别", f"{graduate.cohort_year} 届"),
        ("学院", graduate.college),
        ("专业", graduate.major),
        ("学历层次", graduate.degree_level),
    ]


def _row(item: CatalogueItem) -> dict[str, str]:
    year, month, day = _date_parts(item.formed_on)
    return {
        "sequence": str(item.sequence),
        "title": item.title,
        "year": year,
        "month": month,
        "day": day,
        "pages": str(item.pages) if item.pages else "",
        "remark": item.remark or "",
    }


def _date_parts(formed_on: str | None) -> Sequence[str]:
    """Year, month, day as the form's columns have them; what is not a date stays in the year's column."""
    parts = (formed_on or "").split("-")
    if not all(p.isascii() and p.isdigit() for p in parts):
        return (formed_on or "", "", "")
    return (*(str(int(p)) for p in parts[:3]), "", "")[:3]
