"""Sealed values of imports, materials, checks, searches and reviews for the drill of tampering: where they are, and
something in every one of them.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from app.actors import Actor, Role
from app.checks.models import CheckItem, CheckRun
from app.checks.rules import Stage
from app.custody.models import Loan, words_place
from app.custody.rules import Borrower, Purpose, Wish
from app.db import new_id
from app.dossiers.models import MaterialVersion
from app.dossiers.places import facts_place
from app.envelope import HOUSE, Place
from app.governance.models import ReviewFinding
from app.governance.review_book import mending_place, note_place
from app.governance.review_rules import FindingKind, FindingMove
from app.governance.review_views import NewCampaign
from app.imports.batches import cells_place, name_place, stage_place
from app.imports.models import ImportBatch, ImportRow, ImportStage
from app.imports.rules import BatchSource
from app.materials import places
from app.materials.models import ScanUpload, Supplement
from app.materials.rules import Entry
from app.materials.scans import ScanFile
from app.materials.service import NewSupplement
from app.retrieval.kept import search_place
from app.retrieval.models import RetrievalPurpose, StaffSearch
from app.retrieval.rules import Filters
from parts import Lantai
from tests import fakes
from tests.proof.cell import Cell
from tests.proof.house import House, Person

COLUMNS = ("学号", "姓名", "身份证号", "学院", "专业", "学历层次", "毕业年份")


def _house(_: object) -> UUID:
    return HOUSE


def cells_of_rooms(owners: Mapping[UUID, UUID]) -> list[Cell]:
    """``owners``: dossier, record, material or reviewed item -> graduate."""
    return [
        Cell(MaterialVersion, "sealed_facts", lambda r: owners[r.material_id], facts_place),
        Cell(ImportBatch, "sealed_name", _house, lambda r: name_place(r.id)),
        Cell(ImportRow, "sealed_cells", _house, lambda r: cells_place(r.batch_id, r.line)),
        Cell(ImportStage, "sealed_rows", _house, lambda r: stage_place(r.id)),
        Cell(ScanUpload, "sealed_outcome", lambda r: r.graduate_id, lambda r: places.outcome_place(r.id)),
        Cell(Supplement, "sealed_proposal", lambda r: r.graduate_id, lambda r: places.proposal_place(r.id)),
        Cell(Supplement, "sealed_facts", lambda r: r.graduate_id, lambda r: places.facts_place(r.id)),
        Cell(Supplement, "sealed_answer", lambda r: r.graduate_id, lambda r: places.answer_place(r.id)),
        Cell(CheckRun, "sealed_report", lambda r: r.graduate_id, lambda r: Place("check_run", "sealed_report", r.id)),
        Cell(
            CheckItem, "sealed_note", lambda r: owners[r.dossier_id], lambda r: Place("check_item", "sealed_note", r.id)
        ),
        Cell(
            RetrievalPurpose,
            "sealed_note",
            lambda r: r.graduate_id,
            lambda r: Place("retrieval_purpose", "sealed_note", r.id),
        ),
        Cell(Loan, "sealed_words", lambda r: r.graduate_id, words_place),
        Cell(StaffSearch, "sealed_search", _house, search_place),
        Cell(ReviewFinding, "sealed_note", lambda r: owners[r.item_id], lambda r: note_place(r.id)),
        Cell(ReviewFinding, "sealed_mending", lambda r: owners[r.item_id], lambda r: mending_place(r.id)),
    ]


def fill_rooms(home: House, desk: Actor, people: Sequence[Person]) -> None:
    """By the services, as staff and graduates would."""
    parts, checker = home.parts, home.staff(Role.REVIEWER)
    for number, person in enumerate(people[:3]):
        picture = fakes.jpeg(70 + number)
        parts.scans.upload(
            desk, person.id, new_id(), Entry("4-1", "", f"补充扫描{number}"), [ScanFile("a.jpg", picture, "image/jpeg")]
        )
        parts.purposes.open(desk, person.id, "other", "核对原件")
        parts.checks.confirm(desk, person.id, "Z-1-51", True, "已抽看影像")
        parts.checks.run(desk, person.id, Stage.ARCHIVING)
        _supplement(home, desk, person, number)
        parts.searches.keep(desk, f"课程{number}", Filters())
        _refused_batch(parts, desk, number)
        wish = Wish(Borrower.OUTSIDE, Purpose.PROOF, 15, name=f"借阅人{number}", unit="某市某局", letter=f"函 {number}")
        parts.loans.ask(desk, person.id, wish)
    _reviewed(parts, desk, checker)


def _supplement(home: House, desk: Actor, person: Person, number: int) -> None:
    parts, actor = home.parts, home.actor(person)
    new = NewSupplement("7", "", f"获奖证书{number}", "2025-06-01", "请归档")
    sent = parts.supplements.submit(actor, parts.supplements.prepare(actor, new, fakes.jpeg(90 + number), "image/jpeg"))
    parts.supplement_desk.give_back(desk, sent.line.id, sent.line.version, "unreadable", "请重新扫描")


def _refused_batch(parts: Lantai, desk: Actor, number: int) -> None:
    """A graduate with a wrong ID number and a course: the row's cells and the staged course are kept."""
    student = f"2031{number:06d}"
    tables: dict[str, list[tuple[str, ...]]] = {
        "graduates.csv": [COLUMNS, (student, "测试己", "110105200403150000", "文学院", "档案学", "本科", "2026")],
        "courses.csv": [("学号", "课程名称", "学期", "学分", "成绩"), (student, "概论", "2024-2025-1", "2", "88")],
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, rows in tables.items():
            text = io.StringIO()
            csv.writer(text).writerows(rows)
            archive.writestr(name, text.getvalue())
    packed.seek(0)
    batch = parts.importer.receive(desk, name=f"补录{number}.zip", stream=packed, source=BatchSource.CONSOLE)
    parts.importer.import_now(desk, batch.id)


def _reviewed(parts: Lantai, desk: Actor, checker: Actor) -> None:
    campaign = parts.reviews.open(desk, NewCampaign("抽查", 2026, None, date(2020, 1, 1), date(2099, 12, 31), 3, None))
    for item in parts.reviews.campaign(checker, campaign).items:
        parts.reviews.check(
            checker,
            campaign,
            item.id,
            item.version,
            finding=FindingKind.ILLEGIBLE,
            note="第 2 页模糊",
            owner_id=desk.id,
            due_on=date(2099, 12, 31),
        )
    for item in parts.reviews.campaign(desk, campaign).items:
        found = item.finding
        assert found is not None
        parts.reviews.move_finding(desk, campaign, found.id, found.version, FindingMove.MEND, "已重新扫描")
