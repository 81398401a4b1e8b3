"""Many threads, one thing to be had: exactly one gets it. On a real PostgreSQL, round after round.

A race of an unguarded look-then-write is run too: it must show two effects at least once, or the threads did not race.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Any
from uuid import UUID

import psycopg
import pyotp
from sqlalchemy.orm import Session

from app.actors import Actor, Purpose, Role
from app.corrections.rules import Kind
from app.corrections.views import OpenTicket, TicketView
from app.dossiers.rules import Section
from app.errors import DomainError
from app.ports import Platform
from auth.rules import Factor, Proof
from auth.sessions import Issued
from tests.moving import opened, receiver_code
from tests.proof.house import House, Person, at_once, house
from tests.proof.outcome import Budget, Outcome
from wiring import libpq_url
from wsgi import create_app

THREADS = 8


class Broken(Exception):
    """The race had another number of effects than one."""


def _only_expected(results: Sequence[Any]) -> None:
    """Losers are told so in the domain's words: nothing else may come out of a race."""
    for result in results:
        if isinstance(result, Exception) and not isinstance(result, DomainError):
            raise Broken(f"{type(result).__name__}: {result}")


def _won(results: Sequence[Any]) -> int:
    _only_expected(results)
    return sum(not isinstance(r, Exception) and r is not False for r in results)


def _one(what: str, number: int) -> None:
    if number != 1:
        raise Broken(f"{what}: {number} instead of 1")


def _ticket(home: House, person: Person) -> TicketView:
    actor = home.actor(person)
    record = home.parts.dossiers.section(actor, Section.COURSE).records[0]
    wanted = OpenTicket(Kind.TRANSCRIPTION, "成绩录入有误", record.id, record.version, {"grade": "95"}, ())
    return home.parts.corrections.open_ticket(actor, wanted)


def accept_twice(home: House, staff: Sequence[Actor]) -> None:
    """Several staff accept one ticket: one new version, one decision."""
    ticket = _ticket(home, home.graduate())
    won = _won(
        at_once(THREADS, lambda i: home.parts.desk.accept(staff[i % len(staff)], ticket.line.id, ticket.line.version))
    )
    _one("acceptances", won)
    _one("new versions", home.count("select count(*) from record_version where source_id = %s", ticket.line.id))
    decided = "select count(*) from event where object_id = %s and type = 'ticket.decided'"
    _one("decisions in the log", home.count(decided, ticket.line.id))


def same_key(home: House, _: Sequence[Actor]) -> None:
    """One Idempotency-Key in parallel requests: one ticket, and every answer names it."""
    person = home.graduate()
    with home.parts.db.transaction() as session:
        account = home.wechat.exchange_code(f"code-for:open-key-{person.id.hex[:12]}")
        identity = home.parts.people.remember_identity(session, account)
        home.parts.people.bind(session, identity.id, person.id)
        issued = home.parts.sessions.open_graduate(session, home.parts.people.identity(identity.id))
        issued = _proofs(home, session, issued, person.id)
    app = create_app(home.parts)
    headers = {"Authorization": f"Bearer {issued.token}", "Idempotency-Key": f"race-{person.id.hex[:16]}"}
    body = {"kind": "other", "statement": "请核对"}
    answers = at_once(THREADS, lambda _: app.test_client().post("/api/v1/corrections", json=body, headers=headers))
    _only_expected(answers)
    statuses = {a.status_code for a in answers if not isinstance(a, Exception)}
    if not statuses <= {201, 409}:
        raise Broken(f"statuses {sorted(statuses)}")
    _one("ids", len({a.get_json()["id"] for a in answers if not isinstance(a, Exception) and a.status_code == 201}))
    _one("tickets", home.count("select count(*) from ticket where graduate_id = %s", person.id))


def _proofs(home: House, session: Session, issued: Issued, graduate_id: UUID) -> Issued:
    for factor in (Factor.WECHAT_FACE, Factor.PHONE):
        proof = Proof(factor, Purpose.VIEW_DOSSIER, home.parts.clock.now())
        issued = home.parts.sessions.add_proof(session, issued.session_id, proof, graduate_id)
    return issued


def redeem_code(home: House, staff: Sequence[Actor]) -> None:
    """One activation code shown by several accounts that claim the same person: one is bound."""
    person = home.graduate()
    code = home.parts.activation.issue(staff[0], person.id, "id_card", identity_checked=True).code
    views = [home.claimed(person, n) for n in range(THREADS // 2)]
    begun = [home.parts.verifications.begin(v, Factor.ACTIVATION_CODE, Purpose.BIND) for v in views]
    done = at_once(len(views), lambda i: home.parts.verifications.submit(views[i], begun[i].id, {"code": code}))
    _only_expected(done)
    _one("passes", sum(not isinstance(d, Exception) and d.issued is not None for d in done))
    bound = "select count(*) from platform_identity where graduate_id = %s and state = 'bound'"
    _one("bound accounts", home.count(bound, person.id))


def show_proof_twice(home: House, staff: Sequence[Actor]) -> None:
    """One verification finished by several requests: one token."""
    person = home.graduate()
    view = home.claimed(person, 0)
    home.parts.factors.set_consent(view.actor, "face", granted=True)
    begun = home.parts.verifications.begin(view, Factor.WECHAT_FACE, Purpose.BIND)
    _one("tokens", _won(at_once(THREADS, lambda _: home.parts.verifications.submit(view, begun.id, {}))))


def open_transfer(home: House, staff: Sequence[Actor]) -> None:
    """Several staff open a transfer of one dossier: one is open."""
    person = home.graduate()

    receiver_code(home.parts)

    def open_one(index: int) -> object:
        return opened(home.parts, staff[index % len(staff)], person.id)

    _one("openings", _won(at_once(THREADS, open_one)))
    _one("transfers", home.count("select count(*) from transfer where graduate_id = %s", person.id))


def totp_twice(home: House, _: Sequence[Actor]) -> None:
    """One time step's password counts once."""
    person = home.graduate()
    actor = home.actor(person)
    secret = pyotp.TOTP(home.parts.totp.enrol(actor).secret)
    now = home.parts.clock.now().timestamp()
    home.parts.totp.confirm(actor, secret.at(int(now) - 30))
    code = secret.at(int(home.parts.clock.now().timestamp()))
    _one("good passwords", _won(at_once(THREADS, lambda _: home.parts.totp.verify(person.id, code))))


NETWORKS = itertools.count()


def first_logins(home: House, _: Sequence[Actor]) -> None:
    """First logins of one new account: everybody gets a session, and there is one account."""
    name = f"open-{time.monotonic_ns()}"
    # other addresses each time: a quick machine has more rounds in a minute than an address has logins
    network = "{}.{}".format(*divmod(next(NETWORKS) % 62_500, 250))

    def login(index: int) -> Issued:
        return home.parts.logins.login(Platform.WECHAT, f"code-for:{name}:{index}", f"10.{index}.{network}")[0]

    if (won := _won(at_once(THREADS, login))) != THREADS:
        raise Broken(f"sessions: {won} instead of {THREADS}")
    _one("accounts", home.count("select count(*) from platform_identity where open_id = %s", name))


def unguarded(home: House) -> int:
    """Effects of a look-then-write without a lock, by the same threads."""
    with home.owner() as owner:
        owner.execute("create table if not exists proof_race (taken int)")
        owner.execute("truncate proof_race")

    def take(_: int) -> bool:
        with psycopg.connect(libpq_url(home.urls.database_owner_url)) as connection:
            row = connection.execute("select count(*) from proof_race").fetchone()
            if row and row[0]:
                return False
            connection.execute("insert into proof_race values (1)")
        return True

    return _won(at_once(THREADS, take))


RACES: tuple[Callable[[House, Sequence[Actor]], None], ...] = (
    accept_twice,
    same_key,
    redeem_code,
    show_proof_twice,
    open_transfer,
    totp_twice,
    first_logins,
)


def run(budget: Budget) -> Outcome:
    rng, faults, rounds = Random(budget.seed), [], 0
    ends = time.monotonic() + (35.0 if budget.short else budget.minutes * 60)
    with house() as home:
        staff = [home.staff(Role.ARCHIVIST, Role.REVIEWER) for _ in range(2)]
        doubled = max(unguarded(home) for _ in range(10))
        if doubled < 2:
            faults.append("void: an unguarded look-then-write was never seen to happen twice")
        while time.monotonic() < ends:
            for each in rng.sample(RACES, len(RACES)):
                try:
                    each(home, staff)
                except Broken as broken:
                    faults.append(f"{each.__name__}, round {rounds}: {broken}")
            rounds += 1
    number = f"{len(RACES)} races x {rounds} rounds x {THREADS} threads (unguarded look-then-write: {doubled} effects)"
    return Outcome(number, faults)
