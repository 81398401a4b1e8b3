"""The ticket desk: a ticket's college, indexes of its queues, saved views, duties, bulk runs, macros, ratings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

OPEN = sa.text("state not in ('applied', 'resolved', 'rejected', 'withdrawn', 'merged')")
STEPS = "object_kind = 'ticket' and type <> 'ticket.read'"
INDEXES = (
    ("ix_ticket_open_due", ["decide_by", "serial"], OPEN),
    ("ix_ticket_open_handler", ["assigned_to", "decide_by", "serial"], OPEN),
    ("ix_ticket_open_college", ["college", "decide_by", "serial"], OPEN),
    ("ix_ticket_decided", ["decided_at", "serial"], sa.text("decided_at is not null")),
    ("ix_ticket_touched", ["touched_at", "serial"], None),
    ("ix_ticket_opened", ["opened_at", "serial"], None),
)


def upgrade() -> None:
    op.add_column("ticket", sa.Column("college", sa.String(length=60), server_default="", nullable=False))
    op.execute("update ticket set college = g.college from graduate g where g.id = ticket.graduate_id")
    op.alter_column("ticket", "college", server_default=None)
    for name, columns, where in INDEXES:
        op.create_index(name, "ticket", columns, unique=False, postgresql_where=where)
    op.create_index("ix_event_ticket_step", "event", ["object_id", "id"], postgresql_where=sa.text(STEPS))
    op.create_table(
        "ticket_view",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("sealed_view", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_member.id"], name=op.f("fk_ticket_view_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_view")),
    )
    op.create_index(op.f("ix_ticket_view_staff_id"), "ticket_view", ["staff_id"], unique=False)
    op.create_table(
        "college_duty",
        sa.Column("college", sa.String(length=60), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("set_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_member.id"], name=op.f("fk_college_duty_staff_id")),
        sa.PrimaryKeyConstraint("college", "staff_id", name=op.f("pk_college_duty")),
    )
    op.create_index(op.f("ix_college_duty_staff_id"), "college_duty", ["staff_id"], unique=False)
    op.create_table(
        "desk_turn",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("turned_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_member.id"], name=op.f("fk_desk_turn_staff_id")),
        sa.PrimaryKeyConstraint("staff_id", name=op.f("pk_desk_turn")),
    )
    op.create_table(
        "bulk_run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("act", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_member.id"], name=op.f("fk_bulk_run_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_run")),
    )
    op.create_table(
        "bulk_line",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["bulk_run.id"], name=op.f("fk_bulk_line_run_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_bulk_line_ticket_id")),
        sa.PrimaryKeyConstraint("run_id", "ticket_id", name=op.f("pk_bulk_line")),
    )
    op.create_index("ix_bulk_line_ticket", "bulk_line", ["ticket_id"], unique=False)
    op.create_table(
        "macro",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("latest", sa.SmallInteger(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_macro")),
    )
    op.create_table(
        "macro_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("macro_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("title", sa.String(length=60), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["macro_id"], ["macro.id"], name=op.f("fk_macro_version_macro_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_macro_version")),
        sa.UniqueConstraint("macro_id", "number", name=op.f("uq_macro_version_macro_id")),
    )
    op.create_table(
        "ticket_satisfaction",
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("graduate_id", sa.Uuid(), nullable=False),
        sa.Column("score", sa.SmallInteger(), nullable=False),
        sa.Column("sealed_words", sa.LargeBinary(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_ticket_satisfaction_ticket_id")),
        sa.ForeignKeyConstraint(["graduate_id"], ["graduate.id"], name=op.f("fk_ticket_satisfaction_graduate_id")),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_ticket_satisfaction")),
    )
    op.create_index(op.f("ix_ticket_satisfaction_graduate_id"), "ticket_satisfaction", ["graduate_id"], unique=False)
    op.create_index(op.f("ix_ticket_satisfaction_answered_at"), "ticket_satisfaction", ["answered_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_event_ticket_step", table_name="event")
    for table in (
        "ticket_satisfaction",
        "macro_version",
        "macro",
        "bulk_line",
        "bulk_run",
        "desk_turn",
        "college_duty",
        "ticket_view",
    ):
        op.drop_table(table)
    for name, _, _ in INDEXES:
        op.drop_index(name, table_name="ticket")
    op.drop_column("ticket", "college")
