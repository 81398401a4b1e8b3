"""Runs that send again all of what a filter shows, with the messages frozen at the press; how many requests of outside
systems were refused at once, by hour and code.

On the way down a run that goes on stops where it is: what it did not deal with is listed as it was.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "replay_run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("cause", sa.String(length=20), nullable=False),
        sa.Column("way", sa.String(length=10), nullable=False),
        sa.Column("double", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("started_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sliced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_by", sa.Uuid(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["started_by"], ["staff_member.id"], name=op.f("fk_replay_run_started_by")),
        sa.ForeignKeyConstraint(["stopped_by"], ["staff_member.id"], name=op.f("fk_replay_run_stopped_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replay_run")),
    )
    op.create_index(
        "uq_replay_run_running",
        "replay_run",
        ["cause", "way"],
        unique=True,
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_table(
        "replay_item",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.Column("double", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["replay_run.id"], name=op.f("fk_replay_item_run_id")),
        sa.PrimaryKeyConstraint("run_id", "attempt_id", name=op.f("pk_replay_item")),
    )
    op.create_index(
        "ix_replay_item_waiting",
        "replay_item",
        ["run_id", "notice_id"],
        postgresql_where=sa.text("outcome = 'waiting'"),
    )
    op.create_table(
        "partner_refusal",
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "client_id", "code", name=op.f("pk_partner_refusal")),
    )


def downgrade() -> None:
    op.drop_table("partner_refusal")
    op.drop_table("replay_item")
    op.drop_table("replay_run")
