"""Clocks of tickets in columns, and what was reminded of.

The new columns are empty for tickets that are there already: the watch works them out from the events.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TIMES = ("clock_started_at", "answered_at", "stopped_at", "clock_ended_at", "escalated_at")
OPEN = "state not in ('applied', 'resolved', 'rejected', 'withdrawn', 'merged')"


def upgrade() -> None:
    for name in TIMES:
        op.add_column("ticket", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("ticket", sa.Column("counted_through", sa.Date(), nullable=True))
    op.add_column("ticket", sa.Column("used_days", sa.SmallInteger(), nullable=False, server_default="0"))
    op.add_column("ticket", sa.Column("clock_calendar", sa.String(length=40), nullable=True))
    op.create_index(
        "ix_ticket_unanswered",
        "ticket",
        ["answer_by", "serial"],
        postgresql_where=sa.text(f"answered_at is null and {OPEN}"),
    )
    op.create_index(
        "ix_ticket_running_due",
        "ticket",
        ["decide_by", "serial"],
        postgresql_where=sa.text(f"stopped_at is null and {OPEN}"),
    )
    op.create_index("ix_ticket_clock_unset", "ticket", ["serial"], postgresql_where=sa.text("clock_calendar is null"))
    op.create_table(
        "ticket_reminder",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("threshold", sa.String(length=20), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_member.id"], name=op.f("fk_ticket_reminder_staff_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_ticket_reminder_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_reminder")),
        sa.UniqueConstraint("ticket_id", "threshold", "due_on", name=op.f("uq_ticket_reminder_ticket_id")),
    )
    op.create_index("ix_ticket_reminder_untold", "ticket_reminder", ["at"], postgresql_where=sa.text("told_at is null"))


def downgrade() -> None:
    op.drop_table("ticket_reminder")
    op.drop_index("ix_ticket_clock_unset", table_name="ticket")
    op.drop_index("ix_ticket_running_due", table_name="ticket")
    op.drop_index("ix_ticket_unanswered", table_name="ticket")
    for name in (*TIMES, "counted_through", "used_days", "clock_calendar"):
        op.drop_column("ticket", name)
