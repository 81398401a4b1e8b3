"""A graduate with one of everything that has an id: what the default-deny tests ask for as somebody else."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from uuid import UUID, uuid4

from app.actors import SYSTEM, Actor, ActorKind, Purpose, Role
from app.checks.rules import Stage
from app.custody import rules as custody
from app.governance.review_views import NewCampaign
from app.governance.rulebook import Draft
from app.governance.rules import System
from app.imports.rules import BatchSource
from app.materials.rules import Entry
from app.materials.scans import ScanFile
from app.materials.service import NewSupplement
from app.retrieval.rules import Filters
from app.transfers.rules import Evidence
from app.transfers.showing import TransferView
from app.transfers.states import Channel, State
from auth.machine_keys import NewKey
from notifications.campaigns.rules import Segment
from notifications.channel_rules import ContactKind
from notifications.chat.desk import Look
from notifications.public_events import EVENT_TYPES
from notifications.undelivered import UndeliveredFilter
from parts import Lantai
from tests.app.receivers.samples import facts
from tests.conftest import ApiClient, Person, StaffLogin
from tests.electronic import submitted_leg
from tests.fakes import jpeg
from tests.moving import desk_pair, lead, opened
from tests.notifications.bots import fared
from tests.notifications.campaigns import cohorts
from tests.notifications.replays.outage import lost

NAMES: dict[str, object] = {"kind": "face", "template": "ticket_decided", "letter": "trace", "name": "console.css"}


@dataclass
class Owned:
    """A graduate with one of everything that has an id."""

    person: Person
    http: ApiClient
    staff: StaffLogin
    values: dict[str, object] = field(default_factory=dict)


def _governed(lantai: Lantai, staff: StaffLogin) -> dict[str, object]:
    """A rule, a review of one dossier, a course with a certificate, and a duty."""
    today = lantai.training.today
    rule = lantai.rulebook.add(staff.actor, "owned", System.FILING, Draft("制度", "正文", []))
    campaign = lantai.reviews.open(staff.actor, NewCampaign("审查", None, None, today, today, 1, None))
    course = lantai.training.add_course(SYSTEM, "培训", Role.ARCHIVIST, 12, required=False)
    return {
        "rule_id": rule,
        "campaign_id": campaign,
        "item_id": lantai.reviews.campaign(staff.actor, campaign).items[0].id,
        "finding_id": uuid4(),
        "course_id": course,
        "certificate_id": lantai.training.certify(SYSTEM, course, staff.id, today),
        "duty_id": lantai.duties.add(SYSTEM, "职责", "", Role.ARCHIVIST),
    }


def make_owned(
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    staff_factory: Callable[..., StaffLogin],
    lantai: Lantai,
    run_jobs: Callable[[], None],
) -> Owned:
    person = graduate_factory()
    http, staff = signed_in(person), staff_factory(Role.ARCHIVIST)
    record = http.get("/dossier/sections/course").json["records"][0]
    materials = [i for i in http.get("/dossier").json["items"] if i["kind"] == "material"]
    evidence = http.post(
        "/evidence",
        data={"file": (BytesIO(jpeg()), "a.jpg")},
        content_type="multipart/form-data",
        headers={"Idempotency-Key": "owned-evidence"},
    ).json
    ticket = http.post(
        "/corrections",
        json={
            "kind": "transcription",
            "statement": "成绩有误",
            "record_id": record["id"],
            "base_version": record["version"],
            "changes": {"grade": "95"},
            "evidence_ids": [evidence["id"]],
        },
        headers={"Idempotency-Key": "owned-ticket"},
    ).json
    http.post("/chat/handover", headers={"Idempotency-Key": "owned-chat"})
    run_id = lantai.checks.run(staff.actor, person.id, Stage.ARCHIVING).id
    run_jobs()
    values: dict[str, object] = {
        **_batches(lantai, staff.actor),
        "identity_id": http.get("/me/identities").json["items"][0]["id"],
        "contact_id": _contact(lantai, person),
        "notice_id": http.get("/notices").json["items"][0]["id"],
        "dossier_id": person.dossier_id,
        "graduate_id": person.id,
        "section": "course",
        "record_id": record["id"],
        "material_id": materials[0]["id"],
        "evidence_id": evidence["id"],
        "ticket_id": ticket["id"],
        "conversation_id": lantai.chat_desk.listed(staff.actor, Look.WAITING, offset=0, limit=1)[0][0].id,
        "session_id": http.get("/sessions").json["items"][0]["id"],
        "verification_id": http.post("/verifications", json={"factor": "activation_code", "purpose": "correct"}).json[
            "id"
        ],
        **_moved(lantai, staff, person),
        "run_id": run_id,
        "item": "Z-1-51",
        **_filed(person, staff, lantai),
        "staff_id": staff.id,
        "search_id": lantai.searches.keep(staff.actor, "三好学生", Filters()),
        **_governed(lantai, staff),
        **_own(lantai, staff, person),
        **NAMES,
    }
    return Owned(person, http, staff, values)


def _contact(lantai: Lantai, person: Person) -> UUID:
    owner = person.actor(Purpose.MANAGE_ACCOUNT, now=lantai.clock.now())
    return lantai.contacts.add(owner, ContactKind.EMAIL, "owned@example.edu.cn").id


def _undelivered(lantai: Lantai, staff: StaffLogin, person: Person) -> UUID:
    """A run that sends a push again that did not get through, and waits for its worker."""
    lost(lantai, [person.id], "retry:timeout")
    return lantai.replays.start(staff.actor, UndeliveredFilter("retry"), double_known=True)[0]


def _moved(lantai: Lantai, staff: StaffLogin, person: Person) -> dict[str, object]:
    """A transfer whose seal waits for its second person, a package for its receiver, and a batch of hand-overs."""
    transfer = opened(lantai, staff.actor, person.id)
    lantai.places.add(staff.actor, "A-01-1-01")
    outside, purpose = custody.Borrower.OUTSIDE, custody.Purpose.PROOF
    wish = custody.Wish(outside, purpose, 15, name="借阅人", unit="某局", letter="函 1")
    return {
        "place_id": lantai.places.search(staff.actor)[0][0].id,
        "stock_take_id": lantai.stock_taking.begin(staff.actor, "A-01-1-01"),
        "stock_line_id": uuid4(),
        "loan_id": lantai.loans.ask(staff.actor, person.id, wish),
        "transfer_id": transfer.id,
        "act_id": waiting_act(lantai, transfer),
        "package_id": submitted_leg(lantai, person.id, transfer.id).id,
        "dispatch_id": lantai.dispatching.begin(staff.actor, Channel.EMS),
        "entry_id": uuid4(),
        "mailing_id": cohorts.ready(lantai, staff.actor, cohorts.wish(lantai, Segment(2026))),
        "case_id": uuid4(),
        "target": "destination_registered",
    }


def waiting_act(lantai: Lantai, transfer: TransferView) -> UUID:
    """A seal that waits for its second person."""
    pair = desk_pair(lantai)
    view = lead(lantai, pair, transfer, State.CHECKED)
    lantai.double_acts.propose(pair.first, view.id, view.version, State.SEALED, {Evidence.SEAL_NUMBER: "MF-1"}, jpeg(3))
    act = lantai.double_acts.waiting(pair.first, view.graduate_id, view.id)
    assert act is not None
    return act.id


def _own(lantai: Lantai, staff: StaffLogin, person: Person) -> dict[str, object]:
    """Of the staff's own work and accounts: nobody has most of these, so they are absent for everybody."""
    return {
        "receiver_id": lantai.receivers.record(SYSTEM, "OWNED", facts(), 0),
        "replay_id": _undelivered(lantai, staff, person),
        "view_id": lantai.saved_views.save(staff.actor, "视图", {"queue": "mine"}, shared=False),
        **{name: uuid4() for name in ("bulk_id", "macro_id", "passkey_id", "absence_id", "link_id", "replacement_id")},
    }


def _batches(lantai: Lantai, clerk: Actor) -> dict[str, object]:
    """One of the console's, and one that a campus system pushed."""
    partner_id, _ = lantai.partners.add("教务系统", ["dossiers:push"])
    machine, ids = Actor(ActorKind.PARTNER, partner_id), dict[str, object](client_id=partner_id)
    ids["key_id"] = lantai.machine_keys.add("教务系统", NewKey()).key_id
    for name, actor, source in (
        ("batch_id", clerk, BatchSource.CONSOLE),
        ("pushed_id", machine, BatchSource.PARTNER),
    ):
        ids[name] = lantai.importer.receive(
            actor, name="a.csv", stream=BytesIO(b"x\n1\n"), source=source, batch_key="owned-batch"
        ).id
    listener, _ = lantai.partners.add("通知机器人", ["events:subscribe"])
    subscriber, types = Actor(ActorKind.PARTNER, listener), list(EVENT_TYPES)
    webhook = ids["webhook_id"] = lantai.webhooks.subscribe(subscriber, "https://bot.example/hook", types)[0].id
    fared(lantai, subscriber, webhook)
    return ids


def _filed(person: Person, staff: StaffLogin, lantai: Lantai) -> dict[str, object]:
    """A supplement sent in, and a scan uploaded."""
    corrector = person.actor(Purpose.CORRECT, now=lantai.clock.now())
    sent = NewSupplement("7", "", "获奖证书", "2025-05", "请补入")
    supplement = lantai.supplements.submit(corrector, lantai.supplements.prepare(corrector, sent, jpeg(), "image/jpeg"))
    scanned = lantai.scans.upload(
        staff.actor, person.id, uuid.uuid4(), Entry("7", "", "获奖证明"), [ScanFile("a.jpg", jpeg(33, 33))]
    )
    return {"supplement_id": supplement.line.id, "upload_id": scanned.id, "number": 1, "notice_key": "chat.answered"}
