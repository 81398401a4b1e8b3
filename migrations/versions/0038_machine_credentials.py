"""Keys of machines that sign their requests, clients of the sandbox, and notices that machines ask for.

Taken back, the keys and the record of what machines sent are gone; what was sent stays in inboxes and in the log.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("partner_client", sa.Column("sandbox", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.alter_column("partner_client", "sandbox", server_default=None)
    op.create_table(
        "machine_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.String(length=60), nullable=False),
        sa.Column("algorithm", sa.String(length=20), nullable=False),
        sa.Column("public_key", sa.String(length=64), nullable=True),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=True),
        sa.Column("scopes", postgresql.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column("per_minute", sa.SmallInteger(), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_on", sa.Date(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(public_key is not null) or (sealed_secret is not null)", name=op.f("ck_machine_key_has_key")
        ),
        sa.ForeignKeyConstraint(["client_id"], ["partner_client.id"], name=op.f("fk_machine_key_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_machine_key")),
        sa.UniqueConstraint("key_id", name=op.f("uq_machine_key_key_id")),
    )
    op.create_index(op.f("ix_machine_key_client_id"), "machine_key", ["client_id"])
    op.create_table(
        "partner_notice",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("fields", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("sealed_recipient", sa.LargeBinary(), nullable=True),
        sa.Column("event_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["partner_client.id"], name=op.f("fk_partner_notice_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partner_notice")),
    )
    op.create_index(op.f("ix_partner_notice_created_at"), "partner_notice", ["created_at"])


def downgrade() -> None:
    op.drop_table("partner_notice")
    op.drop_table("machine_key")
    op.drop_column("partner_client", "sandbox")
