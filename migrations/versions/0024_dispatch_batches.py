"""Batches of hand-overs, scanned at the desk and carried out by the worker."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dispatch_batch",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handed_by", sa.Uuid(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["staff_member.id"], name=op.f("fk_dispatch_batch_created_by")),
        sa.ForeignKeyConstraint(["handed_by"], ["staff_member.id"], name=op.f("fk_dispatch_batch_handed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispatch_batch")),
        sa.UniqueConstraint("serial", name=op.f("uq_dispatch_batch_serial")),
    )
    op.create_table(
        "dispatch_item",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("graduate_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("tracking_bidx", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_number", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["dispatch_batch.id"], name=op.f("fk_dispatch_item_batch_id")),
        sa.ForeignKeyConstraint(["graduate_id"], ["graduate.id"], name=op.f("fk_dispatch_item_graduate_id")),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfer.id"], name=op.f("fk_dispatch_item_transfer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispatch_item")),
    )
    op.create_index("ix_dispatch_item_batch", "dispatch_item", ["batch_id", "position"], unique=False)
    op.create_index(
        "uq_dispatch_item_transfer",
        "dispatch_item",
        ["transfer_id"],
        unique=True,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "uq_dispatch_item_tracking",
        "dispatch_item",
        ["tracking_bidx"],
        unique=True,
        postgresql_where=sa.text("state in ('waiting', 'done')"),
    )


def downgrade() -> None:
    op.drop_table("dispatch_item")
    op.drop_table("dispatch_batch")
