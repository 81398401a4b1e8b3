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
PRESSES_ON = (
    "case when answered_at is null and stopped_at is null and answer_by < decide_by then answer_by else decide_by end"
)
LISTS: tuple[tuple[str, list[str]], ...] = (
    ("ix_ticket_open_due", []),
    ("ix_ticket_open_handler", ["assigned_to"]),
    ("ix_ticket_open_college", ["college"]),
)
OPEN = "state not in ('applied', 'resolved', 'rejected', 'withdrawn', 'merged')"


def upgrade() -> None:
    for name in TIMES:
        op.add_column("ticket", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("ticket", sa.Column("counted_through", sa.Date(), nullable=True))
    op.add_column("ticket", sa.Column("used_days", sa.SmallInteger(), nullable=False, server_default="0"))
    op.add_column("ticket", sa.Column("clock_calendar", sa.String(length=40), nullable=True))
    op.add_column("ticket", sa.Column("presses_on", sa.Date(), sa.Computed(PRESSES_ON, persisted=True), nullable=False))
    for name, columns in LISTS:
        op.drop_index(name, table_name="ticket")
        op.create_index(name, "ticket", [*columns, "presses_on", "serial"], postgresql_where=sa.text(OPEN))
    op.create_index(
        "ix_ticket_unanswered",
        "ticket",
        ["answer_by", "serial"],
        postgresql_where=sa.text(f"answered_at is null and {OPEN}"),
    )
    op.create_index(
        "ix_ticket_running_due",
        "ticket",
        ["presses_on", "serial"],
        postgresql_where=sa.text(f"stopped_at is null and {OPEN}"),
        postgresql_include=["decide_by"],
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
    for name, columns in LISTS:
        op.drop_index(name, table_name="ticket")
        op.create_index(name, "ticket", [*columns, "decide_by", "serial"], postgresql_where=sa.text(OPEN))
    op.drop_column("ticket", "presses_on")
    for name in (*TIMES, "counted_through", "used_days", "clock_calendar"):
        op.drop_column("ticket", name)
