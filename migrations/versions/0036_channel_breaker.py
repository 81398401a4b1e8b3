"""The circuit breakers of message templates, and the index of what was not delivered.

A breaker is forgotten on the way down: the next failures open it anew.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "channel_breaker",
        sa.Column("platform", sa.String(length=20), nullable=False),
        sa.Column("template", sa.String(length=20), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("openings", sa.Integer(), nullable=False),
        sa.Column("open_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=80), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("platform", "template", name=op.f("pk_channel_breaker")),
    )
    op.create_index(
        "ix_delivery_attempt_undelivered",
        "delivery_attempt",
        ["created_at"],
        postgresql_where=sa.text("state in ('failed', 'unknown')"),
    )


def downgrade() -> None:
    op.drop_index("ix_delivery_attempt_undelivered", "delivery_attempt")
    op.drop_table("channel_breaker")
