"""Destinations: the case, the receiver's version in the registry, the letter, and the rest after a changed address."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("transfer", sa.Column("destination_case", sa.String(length=20), nullable=True))
    op.add_column("transfer", sa.Column("receiver_id", sa.Uuid(), nullable=True))
    op.add_column("transfer", sa.Column("receiver_version", sa.SmallInteger(), nullable=True))
    op.add_column("transfer", sa.Column("letter_on", sa.Date(), nullable=True))
    op.add_column("transfer", sa.Column("resting_until", sa.DateTime(timezone=True), nullable=True))
    op.create_foreign_key(op.f("fk_transfer_receiver_id"), "transfer", "receiver", ["receiver_id"], ["id"])
    op.create_index(op.f("ix_transfer_receiver_id"), "transfer", ["receiver_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_transfer_receiver_id"), table_name="transfer")
    op.drop_constraint(op.f("fk_transfer_receiver_id"), "transfer", type_="foreignkey")
    for name in ("resting_until", "letter_on", "receiver_version", "receiver_id", "destination_case"):
        op.drop_column("transfer", name)
