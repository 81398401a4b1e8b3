"""The electronic leg of a transfer, one row per attempt, and receiving offices among the partners.

Clients that are there already stay what they were: they belong to no receiver.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

TIMES = ("pushed_at", "submitted_at", "acked_at")
DIGESTS = ("digest", "manifest_digest", "manifest_sm3", "bag_digest", "receipt_digest")
SIGNATURES = ("signature", "receipt_signature")


def upgrade() -> None:
    op.add_column("partner_client", sa.Column("receiver_code", sa.String(length=40), nullable=True))
    op.add_column("partner_client", sa.Column("receipt_key", sa.String(length=64), nullable=True))
    op.create_table(
        "electronic_leg",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("graduate_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("trouble", sa.String(length=40), nullable=True),
        sa.Column("receiver_code", sa.String(length=40), nullable=False),
        sa.Column("recipient", sa.String(length=120), nullable=False),
        sa.Column("push_url", sa.String(length=300), nullable=True),
        sa.Column("package_file", sa.String(length=80), nullable=True),
        sa.Column("box", sa.String(length=32), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        *(sa.Column(name, sa.LargeBinary(), nullable=True) for name in DIGESTS),
        *(sa.Column(name, sa.String(length=88), nullable=True) for name in SIGNATURES),
        sa.Column("envelope", sa.Text(), nullable=True),
        sa.Column("receipt_key", sa.String(length=64), nullable=True),
        sa.Column("dossier_version", sa.Integer(), nullable=True),
        sa.Column("check_passed", sa.Boolean(), nullable=True),
        sa.Column("reasons", sa.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column("sealed_words", sa.LargeBinary(), nullable=False),
        sa.Column("push_tries", sa.SmallInteger(), nullable=False),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=True) for name in TIMES),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state not in ('accepted', 'e_receipt')"
            " or (receipt_digest is not null and manifest_digest is not null and receipt_digest = manifest_digest)",
            name=op.f("ck_electronic_leg_receipt_names_manifest"),
        ),
        sa.CheckConstraint(
            "state in ('preparing', 'packaged', 'withdrawn') or (digest is not null and signature is not null)",
            name=op.f("ck_electronic_leg_sent_is_signed"),
        ),
        sa.ForeignKeyConstraint(["graduate_id"], ["graduate.id"], name=op.f("fk_electronic_leg_graduate_id")),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfer.id"], name=op.f("fk_electronic_leg_transfer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_electronic_leg")),
        sa.UniqueConstraint("serial", name=op.f("uq_electronic_leg_serial")),
        sa.UniqueConstraint("transfer_id", "attempt", name=op.f("uq_electronic_leg_transfer_id")),
    )
    op.create_index("ix_electronic_leg_graduate_id", "electronic_leg", ["graduate_id"])
    op.create_index("ix_electronic_leg_receiver", "electronic_leg", ["receiver_code", "serial"])
    op.create_index(
        "uq_electronic_leg_open",
        "electronic_leg",
        ["transfer_id"],
        unique=True,
        postgresql_where=sa.text("state not in ('rejected', 'withdrawn')"),
    )


def downgrade() -> None:
    op.drop_table("electronic_leg")
    op.drop_column("partner_client", "receipt_key")
    op.drop_column("partner_client", "receiver_code")
