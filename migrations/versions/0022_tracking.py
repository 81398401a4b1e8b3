"""What carriers told of consignments, and the watch that keeps asking them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tracking_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("event_bidx", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("sealed_body", sa.LargeBinary(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfer.id"], name=op.f("fk_tracking_event_transfer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tracking_event")),
        sa.UniqueConstraint("transfer_id", "number", "event_bidx", name=op.f("uq_tracking_event_transfer_id")),
    )
    op.execute(
        "create trigger tracking_event_append_only before update or delete on tracking_event"
        " for each row execute function lantai_append_only()"
    )
    op.create_table(
        "tracking_watch",
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("handed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("standing", sa.String(length=20), nullable=False),
        sa.Column("last_sign_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_poll_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_polled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("forced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("alarmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("needs_look", sa.Boolean(), nullable=False),
        sa.Column("reasons", sa.String(length=300), nullable=False),
        sa.Column("look_mark", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfer.id"], name=op.f("fk_tracking_watch_transfer_id")),
        sa.PrimaryKeyConstraint("transfer_id", "number", name=op.f("pk_tracking_watch")),
    )
    op.create_index(
        "ix_tracking_watch_due",
        "tracking_watch",
        ["next_poll_at"],
        postgresql_where=sa.text("next_poll_at is not null"),
    )
    op.create_index("ix_tracking_watch_look", "tracking_watch", ["handed_at"], postgresql_where=sa.text("needs_look"))


def downgrade() -> None:
    op.drop_table("tracking_watch")
    op.drop_table("tracking_event")
