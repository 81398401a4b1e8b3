"""Chat: conversations of accounts, and their sealed messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chat_conversation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("identity_id", sa.Uuid(), nullable=False),
        sa.Column("graduate_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("unknowns", sa.SmallInteger(), nullable=False),
        sa.Column("assigned_to", sa.Uuid(), nullable=True),
        sa.Column("waiting_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("last_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_since", sa.SmallInteger(), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["assigned_to"], ["staff_member.id"], name=op.f("fk_chat_conversation_assigned_to")),
        sa.ForeignKeyConstraint(["graduate_id"], ["graduate.id"], name=op.f("fk_chat_conversation_graduate_id")),
        sa.ForeignKeyConstraint(
            ["identity_id"], ["platform_identity.id"], name=op.f("fk_chat_conversation_identity_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_conversation")),
    )
    op.create_index(
        "uq_chat_conversation_identity_id",
        "chat_conversation",
        ["identity_id", "graduate_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_index("ix_chat_conversation_graduate_id", "chat_conversation", ["graduate_id"], unique=False)
    op.create_index("ix_chat_conversation_queue", "chat_conversation", ["state", "waiting_since"], unique=False)
    op.create_index(
        "ix_chat_conversation_taken",
        "chat_conversation",
        ["assigned_to"],
        unique=False,
        postgresql_where=sa.text("assigned_to is not null"),
    )
    op.create_table(
        "chat_message",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("author", sa.String(length=10), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("sealed_body", sa.LargeBinary(), nullable=False),
        sa.Column("intent", sa.String(length=20), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("answers", sa.Uuid(), nullable=True),
        sa.Column("delivery", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["answers"], ["chat_message.id"], name=op.f("fk_chat_message_answers"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["chat_conversation.id"], name=op.f("fk_chat_message_conversation_id")
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_member.id"], name=op.f("fk_chat_message_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_message")),
        sa.UniqueConstraint("answers", name=op.f("uq_chat_message_answers")),
        sa.UniqueConstraint("serial", name=op.f("uq_chat_message_serial")),
    )
    op.create_index("ix_chat_message_conversation", "chat_message", ["conversation_id", "serial"], unique=False)
    op.create_index("ix_chat_message_created_at", "chat_message", ["created_at"], unique=False)


def downgrade() -> None:
    op.drop_table("chat_message")
    op.drop_table("chat_conversation")
