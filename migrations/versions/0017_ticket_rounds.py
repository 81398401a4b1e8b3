"""Tickets in rounds: reopening, appeal, merging, internal notes, decisions kept, and supplementary transfers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

CLOSED = "'applied', 'resolved', 'rejected', 'withdrawn'"
ARRIVED = "'closed', 'withdrawn', 'returned'"
# what was decided before rounds were kept, by the log
DECIDED_BEFORE = """
insert into ticket_decision (id, ticket_id, round, outcome, reason_code, record_id, base_version, applied_version,
    on_appeal, decided_by, approvers, decided_at)
select gen_random_uuid(), t.id, 1, t.state, t.reason_code, t.record_id, t.base_version, t.applied_version,
    false, s.id, coalesce((select jsonb_agg(a.staff_id::text order by a.created_at) from ticket_approval a
        where a.ticket_id = t.id), '[]'::jsonb), t.decided_at
from ticket t
join lateral (select e.actor_id from event e where e.object_kind = 'ticket' and e.object_id = t.id
    and e.type = 'ticket.decided' order by e.id desc limit 1) d on true
join staff_member s on s.id = d.actor_id
where t.state in ('applied', 'resolved', 'rejected') and t.decided_at is not null
"""


def upgrade() -> None:
    op.add_column("ticket", sa.Column("round", sa.SmallInteger(), nullable=False, server_default="1"))
    op.alter_column("ticket", "round", server_default=None)
    op.add_column("ticket", sa.Column("reopened_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("ticket", sa.Column("appealed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("ticket", sa.Column("merged_into", sa.Uuid(), nullable=True))
    op.add_column("ticket", sa.Column("material_id", sa.Uuid(), nullable=True))
    op.add_column("ticket", sa.Column("material_version", sa.SmallInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_ticket_merged_into"), "ticket", "ticket", ["merged_into"], ["id"])
    op.create_foreign_key(op.f("fk_ticket_material_id"), "ticket", "material", ["material_id"], ["id"])
    op.create_index(op.f("ix_ticket_merged_into"), "ticket", ["merged_into"], unique=False)
    _open_record_index(f"{CLOSED}, 'merged'")
    op.add_column("evidence", sa.Column("proof", sa.String(length=30), nullable=True))
    op.add_column("evidence", sa.Column("added_by", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_evidence_added_by"), "evidence", "staff_member", ["added_by"], ["id"])
    _notes()
    _voided()
    _decisions()
    op.add_column("transfer", sa.Column("supplements", sa.Uuid(), nullable=True))
    op.add_column("transfer", sa.Column("ticket_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_transfer_supplements"), "transfer", "transfer", ["supplements"], ["id"])
    op.create_foreign_key(op.f("fk_transfer_ticket_id"), "transfer", "ticket", ["ticket_id"], ["id"])
    op.create_index(op.f("ix_transfer_supplements"), "transfer", ["supplements"], unique=False)
    op.create_index(op.f("ix_transfer_ticket_id"), "transfer", ["ticket_id"], unique=False)
    _open_transfer_index(f"supplements is null and state not in ({ARRIVED})")


def _open_record_index(closed: str) -> None:
    op.drop_index("uq_ticket_open_record", "ticket")
    where = sa.text(f"state not in ({closed})")
    op.create_index("uq_ticket_open_record", "ticket", ["record_id"], unique=True, postgresql_where=where)


def _open_transfer_index(where: str) -> None:
    op.drop_index("uq_transfer_open", "transfer")
    op.create_index("uq_transfer_open", "transfer", ["dossier_id"], unique=True, postgresql_where=sa.text(where))


def _decisions() -> None:
    op.create_table(
        "ticket_decision",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("round", sa.SmallInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("reason_code", sa.String(length=30), nullable=True),
        sa.Column("record_id", sa.Uuid(), nullable=True),
        sa.Column("base_version", sa.SmallInteger(), nullable=True),
        sa.Column("applied_version", sa.SmallInteger(), nullable=True),
        sa.Column("material_id", sa.Uuid(), nullable=True),
        sa.Column("material_version", sa.SmallInteger(), nullable=True),
        sa.Column("on_appeal", sa.Boolean(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=False),
        sa.Column("approvers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["decided_by"], ["staff_member.id"], name=op.f("fk_ticket_decision_decided_by")),
        sa.ForeignKeyConstraint(["material_id"], ["material.id"], name=op.f("fk_ticket_decision_material_id")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_ticket_decision_record_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_ticket_decision_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_decision")),
    )
    op.create_index(op.f("ix_ticket_decision_material_id"), "ticket_decision", ["material_id"], unique=False)
    op.create_index(op.f("ix_ticket_decision_ticket_id"), "ticket_decision", ["ticket_id"], unique=False)
    op.create_index("ix_ticket_decision_record", "ticket_decision", ["record_id", "applied_version"], unique=False)
    op.execute(DECIDED_BEFORE)
    _append_only("ticket_decision")


def _notes() -> None:
    op.create_table(
        "ticket_note",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("sealed_text", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["staff_member.id"], name=op.f("fk_ticket_note_author_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_ticket_note_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_note")),
    )
    op.create_index(op.f("ix_ticket_note_ticket_id"), "ticket_note", ["ticket_id"], unique=False)


def _voided() -> None:
    op.create_table(
        "voided_approval",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("person_key", sa.Uuid(), nullable=False),
        sa.Column("diff_digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_member.id"], name=op.f("fk_voided_approval_staff_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_voided_approval_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voided_approval")),
    )
    op.create_index(op.f("ix_voided_approval_ticket_id"), "voided_approval", ["ticket_id"], unique=False)
    _append_only("voided_approval")


def _append_only(table: str) -> None:
    op.execute(
        f"create trigger {table}_append_only before update or delete on {table}"
        " for each row execute function lantai_append_only()"
    )


def downgrade() -> None:
    # the code before knows one open transfer per dossier: of several open ones the supplements end
    op.execute(
        "update transfer t set state = 'closed' where supplements is not null"
        " and state not in ('closed', 'withdrawn', 'returned')"
        " and exists (select 1 from transfer o where o.dossier_id = t.dossier_id and o.id <> t.id"
        " and o.state not in ('closed', 'withdrawn', 'returned'))"
    )
    _open_transfer_index(f"state not in ({ARRIVED})")
    op.drop_column("transfer", "ticket_id")
    op.drop_column("transfer", "supplements")
    for table in ("ticket_decision", "voided_approval", "ticket_note"):
        op.drop_table(table)
    op.drop_column("evidence", "added_by")
    op.drop_column("evidence", "proof")
    # states the code before does not know
    op.execute("update ticket set state = 'in_review' where state = 'with_unit'")
    op.execute("update ticket set state = 'withdrawn' where state = 'merged'")
    _open_record_index(CLOSED)
    for column in ("material_version", "material_id", "merged_into", "appealed_at", "reopened_at", "round"):
        op.drop_column("ticket", column)
