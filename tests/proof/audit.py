"""After the killing: is everything there that was acknowledged, and is nothing there by half? By SQL as the owner."""

from __future__ import annotations

from collections import Counter
from typing import Any

import psycopg
from sqlalchemy import select

from app.corrections.book import claim_place, text_place
from app.corrections.models import Ticket, TicketMessage
from app.envelope import open_json
from parts import Lantai
from tests.proof.crowd import Ledger

DECIDED = ("resolved", "applied")
Owner = psycopg.Connection[tuple[Any, ...]]

# Each must find nothing. They hold for the database as a whole, whatever the people saw.
INVARIANTS = {
    "a decided ticket without exactly one decision in the log": """
        select t.id from ticket t left join event e on e.object_id = t.id and e.type = 'ticket.decided'
        where t.state in ('applied', 'resolved', 'rejected') group by t.id having count(e.id) <> 1""",
    "a decision in the log of a ticket that is not decided": """
        select e.object_id from event e join ticket t on t.id = e.object_id
        where e.type = 'ticket.decided' and t.state not in ('applied', 'resolved', 'rejected')""",
    "an announced event without exactly one notice": """
        select e.public_id from event e left join notice n on n.event_id = e.public_id
        where e.type in ('ticket.decided', 'ticket.asked', 'account.bound', 'account.rebound')
        group by e.public_id having count(n.id) <> 1""",
    "a ticket without its opening in the log": """
        select t.id from ticket t where not exists
        (select 1 from event e where e.object_id = t.id and e.type = 'ticket.opened')""",
    "an applied ticket without exactly one new version": """
        select t.id from ticket t left join record_version v on v.source_id = t.id
        where t.state = 'applied' group by t.id having count(v.id) <> 1""",
    "a record whose current version is not its last, or with a gap": """
        select r.id from record r join record_version v on v.record_id = r.id
        group by r.id having max(v.number) <> r.current or count(*) <> r.current""",
    "a session without its opening in the log": """
        select s.id from login_session s left join event e on e.object_id = s.id
        and e.type in ('session.opened', 'staff.signed_in') group by s.id having count(e.id) <> 1""",
    "a verification that passed without a proof in its session, or the reverse": """
        select s.id from login_session s left join verification v on v.session_id = s.id and v.state = 'passed'
        group by s.id, s.proofs having count(v.id) <> jsonb_array_length(s.proofs)""",
    "a bound account without its binding in the log": """
        select i.id from platform_identity i where i.state = 'bound' and not exists
        (select 1 from event e where e.object_id = i.id and e.type in ('account.bound', 'account.rebound'))""",
    "an idempotent reply without content": "select id from stored_reply where status is null or sealed_reply is null",
    "a clip nobody judged": """
        select id from verification where state = 'queued' and created_at < now() - interval '60 seconds'""",
    "an at-most-once push attempted again after it may have arrived": """
        select a.notice_id from delivery_attempt a join notice n on n.id = a.notice_id
        where n.event_type like 'ticket.%' and a.state in ('sent', 'unknown', 'sending')
        group by a.notice_id, a.identity_id having count(*) > 1""",
    "a push attempt that was never settled": "select id from delivery_attempt where state = 'sending'",
    "a job that failed for good": "select id from procrastinate_jobs where status = 'failed'",
}


def broken_invariants(owner: Owner) -> list[str]:
    faults = []
    for what, query in INVARIANTS.items():
        if rows := owner.execute(query.encode()).fetchall():
            faults.append(f"{what}: {len(rows)}, e.g. {rows[0][0]}")
    return faults


def missing_writes(owner: Owner, parts: Lantai, ledger: Ledger) -> list[str]:
    """Every acknowledged write must be there, once."""
    states = {str(i): state for i, state in owner.execute("select id, state from ticket").fetchall()}
    faults = [f"acknowledged ticket {t} is gone" for t in ledger.tickets if t not in states]
    faults += [f"ticket {t} was decided but is {states.get(t)}" for t in ledger.decided if states.get(t) not in DECIDED]
    faults += [
        f"ticket {t} was withdrawn but is {states.get(t)}" for t in ledger.withdrawn if states.get(t) != "withdrawn"
    ]
    claims = {str(row[0]) for row in owner.execute("select id from claim").fetchall()}
    faults += [f"acknowledged claim {c} is gone" for c in ledger.claims if c not in claims]
    tokens = {bytes(row[0]) for row in owner.execute("select token_hash from login_session").fetchall()}
    opened = owner.execute("select count(*) from event where type = 'session.opened'").fetchone()
    if not tokens or opened is None or opened[0] < len(ledger.sessions):
        faults.append(f"{len(ledger.sessions)} sessions were acknowledged, {opened} are in the log")
    return faults + _missing_texts(parts, ledger)


def _missing_texts(parts: Lantai, ledger: Ledger) -> list[str]:
    said: Counter[tuple[str, str]] = Counter()
    statements: Counter[str] = Counter()
    with parts.db.transaction() as session:
        owners = {t.id: t for t in session.scalars(select(Ticket))}
        messages = session.scalars(select(TicketMessage)).all()
    for ticket in owners.values():
        claim = open_json(parts.keys.of(ticket.graduate_id), claim_place(ticket), ticket.sealed_claim)
        statements[claim["statement"]] += 1
    for message in messages:
        key = parts.keys.of(owners[message.ticket_id].graduate_id)
        said[str(message.ticket_id), open_json(key, text_place(message), message.sealed_text)["text"]] += 1
    faults = [f"a message to {t} is there {said[t, text]} times" for t, text in ledger.messages if said[t, text] != 1]
    return faults + [f"one request made {n} tickets" for n in statements.values() if n > 1]


def too_many_pushes(owner: Owner, received: Counter[str]) -> list[str]:
    """No phone shows more of the at-most-once messages than attempts that may have arrived."""
    rows = owner.execute(
        """select i.open_id, count(*) from delivery_attempt a join platform_identity i on i.id = a.identity_id
        where a.state in ('sent', 'unknown', 'sending', 'retry') or a.reason like 'unknown%' group by i.open_id"""
    ).fetchall()
    allowed: dict[str, int] = dict(rows)
    return [
        f"a phone shows {n} pushes for {allowed.get(o, 0)} attempts"
        for o, n in received.items()
        if n > allowed.get(o, 0)
    ]


def waiting_jobs(owner: Owner) -> int:
    """Jobs that are due or under way, and every notice still to be written; a push to be tried later is not due."""
    row = owner.execute(
        """select count(*) from procrastinate_jobs where status = 'doing' or
        (status = 'todo' and (scheduled_at is null or scheduled_at <= now() or task_name <> 'notifications.deliver'))"""
    ).fetchone()
    return int(row[0]) if row else 0
