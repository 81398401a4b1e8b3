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

from app.actors import Actor, ActorKind, Role
from app.checks.models import CheckItem, CheckRun
from app.checks.rules import Stage
from app.custody.models import Loan, words_place
from app.custody.rules import Borrower, Purpose, Wish
from app.db import new_id
from app.dossiers.models import MaterialVersion
from app.dossiers.places import facts_place
from app.envelope import HOUSE, Place, seal_json
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
from app.office_time import office_date
from app.ports import Platform, PlatformAccount
from app.retrieval.kept import search_place
from app.retrieval.models import RetrievalPurpose, StaffSearch
from app.retrieval.rules import Filters
from auth.machine_keys import NewKey
from auth.machine_models import MachineKey, secret_place
from notifications.channel_models import NoticeContact, address_place
from notifications.channel_rules import ContactKind
from notifications.chat.models import ChatMessage, body_place
from notifications.models import StaffMailbox
from notifications.partner_models import PartnerNotice, recipient_place
from notifications.partner_notices import Kind
from notifications.partner_sending import Recipient
from notifications.staff_mailbox import mailbox_place
from notifications.webhook_models import WebhookSubscription, secrets_place
from parts import Lantai
from tests import fakes
from tests.proof.cell import Cell
from tests.proof.house import House, Person

COLUMNS = ("学号", "姓名", "身份证号", "学院", "专业", "学历层次", "毕业年份")


def _house(_: object) -> UUID:
    return HOUSE


def cells_of_rooms(owners: Mapping[UUID, UUID]) -> list[Cell]:
    """``owners``: dossier, record, material, reviewed item or conversation -> graduate, or the house."""
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
        Cell(ChatMessage, "sealed_body", lambda r: owners[r.conversation_id], lambda r: body_place(r.id)),
        Cell(WebhookSubscription, "sealed_secrets", _house, secrets_place),
        Cell(MachineKey, "sealed_secret", _house, lambda r: secret_place(r.id)),
        Cell(PartnerNotice, "sealed_recipient", _house, lambda r: recipient_place(r.id)),
        Cell(NoticeContact, "sealed_address", lambda r: r.graduate_id, lambda r: address_place(r.id)),
        Cell(StaffMailbox, "sealed_address", _house, lambda r: mailbox_place(r.staff_id)),
        Cell(Loan, "sealed_words", lambda r: r.graduate_id, words_place),
        Cell(StaffSearch, "sealed_search", _house, search_place),
        Cell(ReviewFinding, "sealed_note", lambda r: owners[r.item_id], lambda r: note_place(r.id)),
        Cell(ReviewFinding, "sealed_mending", lambda r: owners[r.item_id], lambda r: mending_place(r.id)),
    ]


def fill_rooms(home: House, desk: Actor, people: Sequence[Person]) -> None:
    """By the services, as staff and graduates would."""
    parts, checker = home.parts, home.staff(Role.REVIEWER)
    client, _ = parts.partners.add("通知机器人", ["events:subscribe"])
    for number, person in enumerate(people[:3]):
        picture = fakes.jpeg(70 + number)
        parts.scans.upload(
            desk, person.id, new_id(), Entry("4-1", "", f"补充扫描{number}"), [ScanFile("a.jpg", picture, "image/jpeg")]
        )
        parts.purposes.open(desk, person.id, "other", "核对原件")
        parts.checks.confirm(desk, person.id, "Z-1-51", True, "已抽看影像")
        parts.checks.run(desk, person.id, Stage.ARCHIVING)
        _supplement(home, desk, person, number)
        _talked(parts, person, number)
        parts.webhooks.subscribe(Actor(ActorKind.PARTNER, client), "https://192.0.2.7/", ["transfer.moved"])
        parts.machine_keys.add("通知机器人", NewKey())
        _asked(parts, client, number)
        _mailbox(parts, home.staff(Role.ARCHIVIST), number)
        _contact(parts, person, number)
        parts.searches.keep(desk, f"课程{number}", Filters())
        _refused_batch(parts, desk, number)
        wish = Wish(Borrower.OUTSIDE, Purpose.PROOF, 15, name=f"借阅人{number}", unit="某市某局", letter=f"函 {number}")
        parts.loans.ask(desk, person.id, wish)
    _reviewed(parts, desk, checker)


def _asked(parts: Lantai, client: UUID, number: int) -> None:
    """A notice that waits for its worker: it names its graduate still."""
    day = office_date(parts.clock.now()).isoformat()
    fields = {"place": "archive_desk", "day": day, "time": f"1{number}:00"}
    machine, recipient = Actor(ActorKind.PARTNER, client), Recipient(f"209900000{number}")
    parts.partner_sending.send(machine, Kind.APPOINTMENT, recipient, fields, sandbox=False)


def _mailbox(parts: Lantai, member: Actor, number: int) -> None:
    address = seal_json(parts.keys.house(), mailbox_place(member.id), {"address": f"gong{number}@lantai.edu.cn"})
    with parts.db.transaction() as session:
        session.add(
            StaffMailbox(staff_id=member.id, sealed_address=address, code_until=parts.clock.now(), code_tries=0)
        )


def _contact(parts: Lantai, person: Person, number: int) -> None:
    row, key = new_id(), parts.keys.of(person.id)
    sealed = seal_json(key, address_place(row), {"address": f"graduate{number}@example.edu.cn"})
    with parts.db.transaction() as session:
        session.add(
            NoticeContact(
                id=row,
                graduate_id=person.id,
                kind=ContactKind.EMAIL,
                sealed_address=sealed,
                created_at=parts.clock.now(),
            )
        )


def _talked(parts: Lantai, person: Person, number: int) -> None:
    with parts.db.transaction() as session:
        identity = parts.people.remember_identity(session, PlatformAccount(Platform.ALIPAY, "app", f"talk-{number}"))
        parts.people.bind(session, identity.id, person.id)
    parts.chat.say(Actor(ActorKind.GRADUATE, person.id, identity_id=identity.id), f"我的档案到哪了，第 {number} 问")


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
