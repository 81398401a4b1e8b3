"""The dated registry of authorised receivers: bodies, and versions of what is known of them that nobody changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TEXTS = (
    ("kind", 20),
    ("name", 120),
    ("credit_code", 18),
    ("region_code", 6),
    ("address", 200),
    ("department", 60),
    ("postal_code", 6),
    ("phone", 24),
    ("authority", 120),
    ("public_key", 62),
    ("push_url", 300),
    ("source", 120),
)


def upgrade() -> None:
    op.create_table(
        "receiver",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(30), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receiver")),
        sa.UniqueConstraint("code", name=op.f("uq_receiver_code")),
    )
    op.create_table(
        "receiver_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("receiver_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.String(length), nullable=False) for name, length in TEXTS),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("valid_to is null or valid_to >= valid_from", name=op.f("ck_receiver_version_period")),
        sa.ForeignKeyConstraint(["receiver_id"], ["receiver.id"], name=op.f("fk_receiver_version_receiver_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receiver_version")),
        sa.UniqueConstraint("receiver_id", "number", name=op.f("uq_receiver_version_receiver_id")),
    )
    for column in ("kind", "credit_code", "region_code"):
        op.create_index(op.f(f"ix_receiver_version_{column}"), "receiver_version", [column])
    op.execute(
        "create trigger receiver_version_append_only before update or delete on receiver_version"
        " for each row execute function lantai_append_only()"
    )
    op.execute(
        "create trigger receiver_version_no_truncate before truncate on receiver_version"
        " for each statement execute function lantai_append_only()"
    )


def downgrade() -> None:
    op.drop_table("receiver_version")
    op.drop_table("receiver")
