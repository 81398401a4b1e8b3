"""Every page of the console with something on it: what the walks through a real browser visit.

The addresses come from the URL map, so a new page is walked without being written down here; what it needs in its
address stands in tests/owned.py, and a rule that gives no page is named in NO_PAGES.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

from flask import Flask
from sqlalchemy import select

from app.actors import Actor, ActorKind, Role
from app.corrections.bulk import Act, Order
from app.corrections.casework import SentFile
from app.corrections.rules import Kind
from app.corrections.views import MissingMaterial, TicketView
from app.custody import rules as custody
from app.governance.review_views import NewCampaign
from app.office_time import office_date
from app.ports import Platform, PlatformAccount
from app.transfers.rules import Evidence
from app.transfers.sealing import Scanned
from app.transfers.states import Channel, State
from auth.guards import policy_of
from notifications.campaigns.rules import Segment
from notifications.chat.models import Conversation
from notifications.models import DeliveryAttempt
from notifications.undelivered import UndeliveredFilter
from parts import Lantai
from tests import fakes
from tests.conftest import Person
from tests.moving import Pair, desk_pair, lead, opened, wish
from tests.notifications.campaigns import cohorts
from tests.notifications.replays.outage import lost
from tests.owned import Owned
from tests.staff_console.conftest import Desk

NO_PAGES = {
    "/console/static/<name>": "a file",
    "/console/completeness.csv": "a file",
    "/console/tickets.csv": "a file",
    "/console/workload.csv": "a file",
    "/console/governance/reviews/<uuid:campaign_id>/report.pdf": "a file",
    "/console/statistics.csv": "a file",
    "/console/campaigns/<uuid:mailing_id>/recipients.csv": "a file",
    "/console/custody/stock-takes/<uuid:stock_take_id>/report.csv": "a file",
    "/console/governance/reviews/<uuid:campaign_id>/report.csv": "a file",
    "/console/graduates/<uuid:graduate_id>/catalogue.pdf": "a file",
    "/console/dispatch/<uuid:dispatch_id>/list.pdf": "a file",
    "/console/transfers/<uuid:transfer_id>/slip.pdf": "a file",
    "/console/transfers/<uuid:transfer_id>/label.pdf": "a file",
    "/console/transfers/<uuid:transfer_id>/catalogue.pdf": "a file",
    "/console/transfers/<uuid:transfer_id>/letter/<letter>.pdf": "a file",
    "/console/graduates/<uuid:graduate_id>/transfers/<uuid:transfer_id>/acts/<uuid:act_id>/photo": "a picture",
    "/console/graduates/<uuid:graduate_id>/checks/<uuid:run_id>/package": "a file",
    "/console/graduates/<uuid:graduate_id>/checks/<uuid:run_id>/report": "a file",
    "/console/import/<uuid:batch_id>/errors.csv": "a file",
    "/console/import/templates/<name>": "a file",
    "/console/materials/<uuid:material_id>/file": "a file",
    "/console/receivers/template.csv": "a file",
    "/console/materials/<uuid:material_id>/versions/<int:number>/file": "a file",
    "/console/materials/<uuid:material_id>/versions/<int:number>/preview": "a picture",
    "/console/supplements/<uuid:supplement_id>/file": "a file",
    "/console/supplements/<uuid:supplement_id>/preview": "a picture",
    "/console/tickets/<uuid:ticket_id>/evidence/<uuid:evidence_id>": "a file",
    "/console/tickets/<uuid:ticket_id>/evidence/<uuid:evidence_id>/preview": "a picture",
}


# shown to who made them and to nobody else
OWN = frozenset({"upload_id", "search_id"})


@dataclass(frozen=True)
class Stop:
    """One page, or the answer to one of its forms. ``who`` is None for those who have not signed in.

    ``refusal``: the status of a page that says no, which is then no complaint.
    """

    name: str
    who: Desk | None
    path: str
    form: str = ""
    values: dict[str, str] = field(default_factory=dict)
    refusal: int = 0


@dataclass
class Office:
    """An owner of one of everything, tickets in several states, and who may look at what."""

    owned: Owned
    worker: Desk
    administrator: Desk
    newcomer: Desk
    tickets: dict[str, UUID] = field(default_factory=dict)
    reported: UUID | None = None
    moved: dict[str, str] = field(default_factory=dict)


def make_office(
    owned: Owned,
    desk: Callable[..., Desk],
    open_ticket: Callable[..., TicketView],
    identity_ticket: Callable[[Person], TicketView],
    graduate_factory: Callable[..., Person],
    lantai: Lantai,
) -> Office:
    worker = desk(Role.ARCHIVIST, Role.REVIEWER, Role.DISPATCHER, Role.AUDITOR)
    office = Office(owned, worker, desk(Role.ADMINISTRATOR), desk(Role.AUDITOR))
    worker.state_purpose(owned.person.id)
    actor, other = worker.login.actor, desk().login.actor
    owned.values["macro_id"] = lantai.macros.add(actor, "请补学籍卡", "{工单号}：请补充学籍卡照片。")
    rich = open_ticket(
        graduate_factory("欧阳文静"),
        statement="班级登记为一班，学籍卡为二班。\n附学籍卡照片。",
        proofs=(fakes.jpeg(640, 480), fakes.jpeg(480, 640)),
    )
    office.tickets["fresh"] = rich.line.id
    picked = open_ticket(graduate_factory()).line
    owned.values["bulk_id"] = uuid4()
    lantai.bulk.run(actor, UUID(str(owned.values["bulk_id"])), Order(Act.TAKE), [(picked.id, picked.version)])
    asked = open_ticket(graduate_factory(), Kind.OTHER, None, {})
    lantai.desk.ask(actor, asked.line.id, asked.line.version, "请补充学籍卡照片。")
    office.tickets["asked"] = asked.line.id
    half = identity_ticket(graduate_factory())
    lantai.desk.accept(other, half.line.id, half.line.version, "已核对公安机关证明。")
    office.tickets["half"] = half.line.id
    done = open_ticket(graduate_factory())
    lantai.desk.accept(actor, done.line.id, done.line.version, "已核对学籍卡。")
    office.tickets["applied"] = done.line.id
    refused = open_ticket(graduate_factory())
    lantai.desk.reject(actor, refused.line.id, refused.line.version, "record_is_right", "原件如此。")
    office.tickets["rejected"] = refused.line.id
    office.tickets |= _roundabout(lantai, actor, open_ticket, graduate_factory)
    office.moved = _on_the_way(lantai, graduate_factory) | _talked(lantai, actor, graduate_factory)
    for code in ("rate_limited", "scope_required"):
        lantai.partner_refusals.note(UUID(str(owned.values["client_id"])), 403, code)
    lantai.partner_refusals.copy()
    office.moved |= _sent_again(lantai, actor, graduate_factory) | _mailed(lantai)  # in this order: one pace for both
    office.reported = _signed_review(lantai, worker, desk(Role.REVIEWER))
    return office


def _talked(lantai: Lantai, clerk: Actor, graduate_factory: Callable[..., Person]) -> dict[str, str]:
    """Name -> path of a conversation that staff have, with a reply under way, and of one nobody has."""
    paths = {"chats-mine": "/chats?look=mine", "chats-closed": "/chats?look=closed"}
    for name in ("chat-taken", "chat-bot"):
        account = PlatformAccount(Platform.ALIPAY, "app", f"open-{name}")
        with lantai.db.transaction() as session:
            identity = lantai.people.remember_identity(session, account)
            lantai.people.bind(session, identity.id, graduate_factory().id)
        owner = lantai.people.identity(identity.id).graduate_id
        assert owner is not None
        lantai.chat.say(Actor(ActorKind.GRADUATE, owner, identity_id=identity.id), "我的档案到哪了")
        with lantai.db.transaction() as session:
            found = session.scalars(select(Conversation.id).where(Conversation.identity_id == identity.id)).one()
        paths[name] = f"/chats/{found}"
        if name == "chat-taken":
            lantai.chat_desk.take(clerk, found, 1)
            lantai.chat_desk.reply(clerk, found, 2, "您好，档案已交寄，请留意小程序里的进度。")
    return paths


def _on_the_way(lantai: Lantai, graduate_factory: Callable[..., Person]) -> dict[str, str]:
    """Name -> path of transfers and batches in the states that look different."""
    pair, none_yet = desk_pair(lantai), graduate_factory()
    found = {"transfer-open": f"/graduates/{none_yet.id}/transfers?case=unemployed&region=330100"}
    for state in (State.SEALED, State.DELIVERED_UNCONFIRMED, State.RETURNED, State.REDIRECTED, State.CLOSED):
        view = lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id), state)
        found[f"transfer-{state.value}"] = f"/graduates/{view.graduate_id}/transfers"
        if state is State.SEALED:
            batch = lantai.dispatching.begin(pair.first, Channel.EMS)
            lantai.dispatching.add(pair.first, batch, view.number, "1099887766554")
            found["dispatch-scanned"] = f"/dispatch/{batch}"
    found |= {"paper-free": f"/graduates/{none_yet.id}/paper", **_kept(lantai, pair.first, graduate_factory)}
    found |= _held(lantai, pair, graduate_factory)
    handed = lantai.dispatching.begin(pair.first, Channel.EMS)
    view = lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id), State.SEALED)
    lantai.dispatching.add(pair.first, handed, view.number, "1099887766555")
    lantai.dispatching.hand_over(pair.first, handed)
    view = lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id), State.CHECKED)
    lantai.sealing.propose(pair.first, [Scanned(view.number, "MF-9")], fakes.jpeg())
    return found | {"dispatch-running": f"/dispatch/{handed}", "sealing-waiting": "/sealing"}


def _held(lantai: Lantai, pair: Pair, graduate_factory: Callable[..., Person]) -> dict[str, str]:
    """A hold in its last days."""
    view = lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id), State.COLLEGE_REVIEWED)
    wish(lantai, view, stays=True)
    until = office_date(lantai.clock.now()) + timedelta(days=5)
    shown = {Evidence.KEPT_UNTIL: until.isoformat()}
    lantai.transfers.move(pair.first, view.id, view.version, State.HELD_AT_SCHOOL, shown)
    return {"transfer-hold-ending": f"/graduates/{view.graduate_id}/transfers"}


def _kept(lantai: Lantai, clerk: Actor, graduate_factory: Callable[..., Person]) -> dict[str, str]:
    """A dossier on its place, one that is lent, and one that came back incomplete."""
    lantai.places.add(clerk, "B-02-1-01", "B-02-1-06")
    shelved, lent, back = (graduate_factory() for _ in range(3))
    place = lantai.places.search(clerk, "B-02-1-01")[0][0]
    lantai.shelving.shelve(clerk, place.code, lantai.custody.paper(clerk, shelved.id).code)
    wish = custody.Wish(custody.Borrower.STAFF, custody.Purpose.SORTING, 15, staff_id=clerk.id)
    out, flagged = (lantai.loans.ask(clerk, person.id, wish) for person in (lent, back))
    lantai.loans.give_back(clerk, flagged, custody.Condition.MISSING, "缺第 3 页")
    return {
        **_counted(lantai, clerk, place.code, [lent, back]),
        "place-held": f"/custody/places/{place.id}",
        "paper-shelved": f"/graduates/{shelved.id}/paper",
        "paper-lent": f"/graduates/{lent.id}/paper",
        "loan-out": f"/custody/loans/{out}",
        "loan-flagged": f"/custody/loans/{flagged}",
        "loans-all": "/custody?shown=all",
    }


def _mailed(lantai: Lantai) -> dict[str, str]:
    """Campaigns in other states than ready: a draft, one that runs, one that was cancelled in the middle."""
    pair, wanted = desk_pair(lantai), cohorts.wish(lantai, Segment(2026))
    draft, going_on = lantai.campaigns.create(pair.first, wanted), cohorts.running(lantai, pair, wanted)
    cancelled = cohorts.running(lantai, pair, wanted)
    lantai.campaign_sending.tick()
    lantai.campaigns.cancel(pair.first, cancelled, 3)
    return {
        "campaign-draft": f"/campaigns/{draft}",
        "campaign-edit": f"/campaigns/{draft}/edit",
        "campaign-cancelled": f"/campaigns/{cancelled}",
        "campaign-running": f"/campaigns/{going_on}",
    }


def _sent_again(lantai: Lantai, clerk: Actor, graduate_factory: Callable[..., Person]) -> dict[str, str]:
    """What may arrive twice and can be sent again, and a run that was stopped and had to pass one over."""
    people = [graduate_factory().id for _ in range(3)]
    with lantai.db.transaction() as session:
        for number, person in enumerate(people):
            account = PlatformAccount(Platform.WECHAT, "app", f"open-lost-{number}")
            lantai.people.bind(session, lantai.people.remember_identity(session, account).id, person)
    [plain] = lost(lantai, people[:1], "config:40037")
    lost(lantai, people[1:2], "unknown:lost")
    run, _ = lantai.replays.start(clerk, UndeliveredFilter("config"), double_known=False)
    with lantai.db.transaction() as session:
        session.get_one(DeliveryAttempt, plain).reason = "cancelled"
    lantai.replay_sending.tick()
    stopped, _ = lantai.replays.start(clerk, UndeliveredFilter("unknown"), double_known=True)
    lantai.replays.stop(clerk, stopped)
    lost(lantai, people[2:], "held")
    going_on, _ = lantai.replays.start(clerk, UndeliveredFilter("held"), double_known=False)
    return {
        "undelivered-again-double": "/undelivered/again?cause=unknown&way=wechat",
        "undelivered-again-none": "/undelivered/again?cause=content",
        "undelivered-again-running": "/undelivered/again?cause=held",
        "undelivered-run-running": f"/undelivered/again/{going_on}",
        "undelivered-run-done": f"/undelivered/again/{run}",
        "undelivered-run-stopped": f"/undelivered/again/{stopped}",
    }


def _counted(lantai: Lantai, clerk: Actor, place: str, found: Sequence[Person]) -> dict[str, str]:
    """A finished stock-take of a place, where something is missing, and one that goes on."""
    done = lantai.stock_taking.begin(clerk, place)
    lantai.stock_taking.finish(clerk, done)
    going_on = lantai.stock_taking.begin(clerk, place)
    for code in (*(lantai.custody.paper(clerk, person.id).code for person in found), "DA000000000000"):
        lantai.stock_taking.scan(clerk, going_on, code)
    return {"stock-done": f"/custody/stock-takes/{done}", "stock-going-on": f"/custody/stock-takes/{going_on}"}


def _roundabout(
    lantai: Lantai, actor: Actor, open_ticket: Callable[..., TicketView], graduate_factory: Callable[..., Person]
) -> dict[str, UUID]:
    """Tickets that go another way than straight to a decision."""
    unit = open_ticket(graduate_factory(), Kind.FORMING_UNIT, proofs=(fakes.jpeg(),)).line
    lantai.casework.send_out(actor, unit.id, unit.version, "已函请教务处核实。")
    person = graduate_factory()
    survivor, merged = open_ticket(person, Kind.OTHER, None, {}).line, open_ticket(person).line
    lantai.casework.merge(actor, merged.id, merged.version, survivor.id)
    closed = open_ticket(graduate_factory()).line
    refused = lantai.desk.reject(actor, closed.id, closed.version, "record_is_right", "原件如此。").line
    lantai.casework.reopen(actor, closed.id, refused.version, "核对时看错了行。")
    missing = open_ticket(graduate_factory(), Kind.MISSING_MATERIAL, None, {}).line
    scan = SentFile(fakes.jpeg(64, 48), "image/jpeg")
    lantai.casework.collect(actor, missing.id, missing.version, MissingMaterial("7", "三好学生登记表"), scan)
    return {
        "with-unit": unit.id,
        "merged": merged.id,
        "survivor": survivor.id,
        "reopened": closed.id,
        "collected": missing.id,
    }


def _signed_review(lantai: Lantai, keeper: Desk, checker: Desk) -> UUID:
    """A review of one dossier, checked and signed: only such a one has a report."""
    today, actor = lantai.training.today, keeper.login.actor
    campaign = lantai.reviews.open(actor, NewCampaign("上半年审查", None, None, today, today, 1, None))
    item = lantai.reviews.campaign(actor, campaign).items[0]
    lantai.reviews.check(checker.login.actor, campaign, item.id, item.version)
    lantai.reviews.sign(actor, campaign, lantai.reviews.campaign(actor, campaign).version)
    return campaign


def rules_of(app: Flask) -> Iterator[tuple[str, str, str]]:
    """(endpoint, rule, policy) of everything under /console that answers GET."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("console.") and "GET" in (rule.methods or ()):
            yield rule.endpoint, rule.rule, policy_of(app.view_functions[rule.endpoint]) or ""


def stops(app: Flask, office: Office) -> list[Stop]:
    """Every page once, and those again that look different in another state."""
    found: list[Stop] = []
    worker_roles = {r.value for r in office.worker.login.actor.roles}
    with app.test_request_context():
        adapter = app.url_map.bind("localhost")
        for endpoint, rule, policy in rules_of(app):
            if rule in NO_PAGES:
                continue
            arguments = next(r for r in app.url_map.iter_rules(endpoint) if r.rule == rule).arguments
            missing = arguments - set(office.owned.values)
            assert not missing, f"{rule} is a new page: put {missing} into tests/owned.py, or the rule into NO_PAGES"
            values = {**office.owned.values, **({"campaign_id": office.reported} if rule.endswith("/report") else {})}
            path = adapter.build(endpoint, {a: values[a] for a in arguments}).removeprefix("/console")
            allowed = set(policy.removeprefix("staff ").split(","))
            who = office.worker if allowed & {"any", *worker_roles} else office.administrator
            if arguments & OWN:
                who = Desk(office.owned.staff)
            found.append(Stop(endpoint.removeprefix("console."), None if policy.startswith("public") else who, path))
    found += [Stop(name, office.worker, path) for name, path in office.moved.items()]
    found += [Stop(f"ticket-{name}", office.worker, f"/tickets/{id}") for name, id in office.tickets.items()]
    fresh = f"/tickets/{office.tickets['fresh']}"
    found += [
        Stop("home-administrator", office.administrator, "/"),
        Stop("webhook-administrator", office.administrator, f"/webhooks/{office.owned.values['webhook_id']}"),
        Stop("home-auditor", office.newcomer, "/"),
        Stop("sign-in-expired", None, "/sign-in?next=/console/&expired=1"),
        Stop("absent", office.worker, f"/tickets/{uuid4()}", refusal=404),
        Stop("forbidden", office.newcomer, "/tickets", refusal=403),
        Stop("ticket-412", office.worker, fresh, "ask", {"version": "9", "text": "请补充学籍卡照片。"}, refusal=412),
        Stop("ticket-422", office.worker, fresh, "ask", {"text": ""}, refusal=422),
        Stop("receivers-empty", office.worker, "/receivers?changed=1"),
        Stop(
            "receiver-422",
            office.worker,
            f"/receivers/{office.owned.values['receiver_id']}",
            "close",
            {"version": "1", "on": "", "closing_source": "省厅通知"},
            refusal=422,
        ),
        Stop("campaigns-empty", office.worker, "/campaigns?state=done"),
        Stop(
            "campaign-412",
            office.worker,
            f"/campaigns/{office.owned.values['mailing_id']}",
            "recall",
            {"version": "9"},
            refusal=412,
        ),
        Stop("queue-empty", office.worker, "/tickets?kind=forming_unit"),
    ]
    return found
