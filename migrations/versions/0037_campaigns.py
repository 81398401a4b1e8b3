"""Campaigns: who is told what, one row for each recipient, and the pace they share."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notice_campaign",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("notice", sa.String(length=30), nullable=False),
        sa.Column("fields", postgresql.JSONB(), nullable=False),
        sa.Column("segment", postgresql.JSONB(), nullable=False),
        sa.Column("colleges", postgresql.ARRAY(sa.String(length=60)), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("counted", sa.Integer(), nullable=True),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("reached", sa.Uuid(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=True),
        sa.Column("proposed_person", sa.Uuid(), nullable=True),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_by", sa.Uuid(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sliced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "greatest(told, skipped) <= coalesce(total, 0)", name=op.f("ck_notice_campaign_no_more_than_frozen")
        ),
        sa.ForeignKeyConstraint(["created_by"], ["staff_member.id"], name=op.f("fk_notice_campaign_created_by")),
        sa.ForeignKeyConstraint(["proposed_by"], ["staff_member.id"], name=op.f("fk_notice_campaign_proposed_by")),
        sa.ForeignKeyConstraint(["started_by"], ["staff_member.id"], name=op.f("fk_notice_campaign_started_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_campaign")),
        sa.UniqueConstraint("serial", name=op.f("uq_notice_campaign_serial")),
    )
    op.create_index(
        "ix_notice_campaign_running", "notice_campaign", ["sliced_at"], postgresql_where=sa.text("state = 'running'")
    )
    op.create_table(
        "notice_campaign_recipient",
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("graduate_id", sa.Uuid(), nullable=False),
        sa.Column("bound", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("notice_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["notice_campaign.id"], name=op.f("fk_notice_campaign_recipient_campaign_id")
        ),
        sa.ForeignKeyConstraint(
            ["graduate_id"], ["graduate.id"], name=op.f("fk_notice_campaign_recipient_graduate_id")
        ),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name=op.f("fk_notice_campaign_recipient_notice_id")),
        sa.PrimaryKeyConstraint("campaign_id", "graduate_id", name=op.f("pk_notice_campaign_recipient")),
        sa.UniqueConstraint("notice_id", name=op.f("uq_notice_campaign_recipient_notice_id")),
    )
    op.create_index(op.f("ix_notice_campaign_recipient_graduate_id"), "notice_campaign_recipient", ["graduate_id"])
    op.create_table(
        "notice_campaign_pace",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("tokens", sa.Float(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_notice_campaign_pace_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_campaign_pace")),
    )


def downgrade() -> None:
    """The notices stay in the inboxes; an older release shows their lines without words of their own."""
    op.drop_table("notice_campaign_pace")
    op.drop_table("notice_campaign_recipient")
    op.drop_table("notice_campaign")
