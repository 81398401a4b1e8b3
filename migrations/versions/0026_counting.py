"""Counting by the receiver: invitations on slips, and cases where paper and catalogue differ."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "slip",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("manifest_digest", sa.LargeBinary(), nullable=False),
        sa.Column("code_bidx", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sealed_count", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("used_at is null or sealed_count is not null", name=op.f("ck_slip_used_is_counted")),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfer.id"], name=op.f("fk_slip_transfer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slip")),
        sa.UniqueConstraint("transfer_id", "number", name=op.f("uq_slip_transfer_id")),
    )
    live = sa.text("used_at is null and voided_at is null")
    op.create_index("uq_slip_live", "slip", ["transfer_id"], unique=True, postgresql_where=live)
    op.create_table(
        "transfer_case",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("graduate_id", sa.Uuid(), nullable=False),
        sa.Column("slip_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("sealed_body", sa.LargeBinary(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "state <> 'settled' or (settled_by is not null and settled_at is not null)",
            name=op.f("ck_transfer_case_settled_by_whom"),
        ),
        sa.ForeignKeyConstraint(["graduate_id"], ["graduate.id"], name=op.f("fk_transfer_case_graduate_id")),
        sa.ForeignKeyConstraint(["settled_by"], ["staff_member.id"], name=op.f("fk_transfer_case_settled_by")),
        sa.ForeignKeyConstraint(["slip_id"], ["slip.id"], name=op.f("fk_transfer_case_slip_id")),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfer.id"], name=op.f("fk_transfer_case_transfer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer_case")),
        sa.UniqueConstraint("slip_id", name=op.f("uq_transfer_case_slip_id")),
    )
    op.create_index(op.f("ix_transfer_case_graduate_id"), "transfer_case", ["graduate_id"], unique=False)
    is_open = sa.text("state = 'open'")
    op.create_index("uq_transfer_case_open", "transfer_case", ["transfer_id"], unique=True, postgresql_where=is_open)


def downgrade() -> None:
    op.drop_table("transfer_case")
    op.drop_table("slip")
