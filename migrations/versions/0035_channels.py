"""Channels: choices, contacts, the ledger of credits, turns at senders, the staff robot's lines."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notice", sa.Column("held_until", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "notice_preference",
        sa.Column("graduate_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("quiet", sa.Boolean(), nullable=False),
        sa.Column("quiet_begins", sa.String(length=5), nullable=False),
        sa.Column("quiet_ends", sa.String(length=5), nullable=False),
        sa.Column("off", postgresql.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["graduate_id"], ["graduate.id"], name=op.f("fk_notice_preference_graduate_id")),
        sa.PrimaryKeyConstraint("graduate_id", name=op.f("pk_notice_preference")),
    )
    op.create_table(
        "notice_contact",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("graduate_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("sealed_address", sa.LargeBinary(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=True),
        sa.Column("code_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("code_tries", sa.SmallInteger(), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unreachable_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["graduate_id"], ["graduate.id"], name=op.f("fk_notice_contact_graduate_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_contact")),
    )
    for name, which in (("verified", "verified_at is not null"), ("waiting", "verified_at is null")):
        op.create_index(
            f"uq_notice_contact_{name}",
            "notice_contact",
            ["graduate_id", "kind"],
            unique=True,
            postgresql_where=sa.text(which),
        )
    op.create_table(
        "contact_attempt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=80), nullable=False),
        sa.Column("provider_id", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name=op.f("fk_contact_attempt_notice_id")),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["notice_contact.id"], name=op.f("fk_contact_attempt_contact_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_attempt")),
        sa.UniqueConstraint("notice_id", "kind", "number", name=op.f("uq_contact_attempt_notice_id")),
    )
    op.create_index("ix_contact_attempt_contact_id", "contact_attempt", ["contact_id"], unique=False)
    op.create_table(
        "credit_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("identity_id", sa.Uuid(), nullable=False),
        sa.Column("template", sa.String(length=20), nullable=False),
        sa.Column("cause", sa.String(length=12), nullable=False),
        sa.Column("change", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["identity_id"], ["platform_identity.id"], name=op.f("fk_credit_entry_identity_id")),
        sa.ForeignKeyConstraint(["attempt_id"], ["delivery_attempt.id"], name=op.f("fk_credit_entry_attempt_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_entry")),
        sa.UniqueConstraint("serial", name=op.f("uq_credit_entry_serial")),
        sa.UniqueConstraint("attempt_id", name=op.f("uq_credit_entry_attempt_id")),
    )
    op.create_index("ix_credit_entry_of", "credit_entry", ["identity_id", "template", "serial"], unique=False)
    # what accounts have now, so that the sum of the ledger is the balance from its first day
    op.execute(
        "insert into credit_entry (id, identity_id, template, cause, change, at)"
        " select gen_random_uuid(), identity_id, template, 'opening', credits, updated_at"
        " from subscription where credits <> 0"
    )
    op.create_table(
        "send_turn",
        sa.Column("identity_id", sa.Uuid(), nullable=False),
        sa.Column("free_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["identity_id"], ["platform_identity.id"], name=op.f("fk_send_turn_identity_id")),
        sa.PrimaryKeyConstraint("identity_id", name=op.f("pk_send_turn")),
    )
    op.create_table(
        "staff_line",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sending_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_line")),
        sa.UniqueConstraint("serial", name=op.f("uq_staff_line_serial")),
    )
    op.create_index(
        "ix_staff_line_waiting", "staff_line", ["serial"], unique=False, postgresql_where=sa.text("state <> 'sent'")
    )
    op.create_index("ix_staff_line_sent_at", "staff_line", ["sent_at"], unique=False)
    op.create_table(
        "robot_turn",
        sa.Column("robot", sa.String(length=20), nullable=False),
        sa.Column("tokens", sa.Float(), nullable=False),
        sa.Column("filled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rest_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("robot", name=op.f("pk_robot_turn")),
    )


def downgrade() -> None:
    for name in (
        "robot_turn",
        "staff_line",
        "send_turn",
        "credit_entry",
        "contact_attempt",
        "notice_contact",
        "notice_preference",
    ):
        op.drop_table(name)
    op.drop_column("notice", "held_until")
