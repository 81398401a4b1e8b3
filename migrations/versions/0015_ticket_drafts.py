"""Drafts of what staff write on a ticket, sealed, kept for a week."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ticket_draft",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("form", sa.String(length=20), nullable=False),
        sa.Column("spent_key", sa.Uuid(), nullable=True),
        sa.Column("sealed_text", sa.LargeBinary(), nullable=True),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_member.id"], name=op.f("fk_ticket_draft_staff_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_ticket_draft_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_draft")),
        sa.UniqueConstraint("staff_id", "ticket_id", "form", name=op.f("uq_ticket_draft_staff_id")),
    )
    op.create_index(op.f("ix_ticket_draft_ticket_id"), "ticket_draft", ["ticket_id"], unique=False)
    op.create_index(op.f("ix_ticket_draft_saved_at"), "ticket_draft", ["saved_at"], unique=False)


def downgrade() -> None:
    op.drop_table("ticket_draft")
