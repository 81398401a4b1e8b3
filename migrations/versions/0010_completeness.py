"""Completeness: the latest finding of each dossier, its gaps, and reminders sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "completeness_result",
        sa.Column("graduate_id", sa.Uuid(), nullable=False),
        sa.Column("cohort_year", sa.SmallInteger(), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dossier_version", sa.Integer(), nullable=False),
        sa.Column("class_map_version", sa.String(length=20), nullable=False),
        sa.Column("checklist_version", sa.String(length=20), nullable=False),
        sa.Column("rules_digest", sa.String(length=64), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("listed_percent", sa.SmallInteger(), nullable=False),
        sa.Column("scanned_percent", sa.SmallInteger(), nullable=False),
        sa.Column("missing", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["graduate_id"], ["graduate.id"], name=op.f("fk_completeness_result_graduate_id")),
        sa.PrimaryKeyConstraint("graduate_id", name=op.f("pk_completeness_result")),
    )
    op.create_index("ix_completeness_cohort", "completeness_result", ["cohort_year", "complete"], unique=False)
    op.create_table(
        "completeness_gap",
        sa.Column("graduate_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("cohort_year", sa.SmallInteger(), nullable=False),
        sa.Column("owner", sa.String(length=30), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("standing", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["graduate_id"], ["graduate.id"], name=op.f("fk_completeness_gap_graduate_id")),
        sa.PrimaryKeyConstraint("graduate_id", "kind", name=op.f("pk_completeness_gap")),
    )
    op.create_index("ix_completeness_gap_due", "completeness_gap", ["due_on", "standing"], unique=False)
    op.create_index("ix_completeness_gap_kind", "completeness_gap", ["cohort_year", "kind", "standing"], unique=False)
    op.create_table(
        "completeness_reminder",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("graduate_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("stage", sa.SmallInteger(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["graduate_id"], ["graduate.id"], name=op.f("fk_completeness_reminder_graduate_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_completeness_reminder")),
    )
    op.create_index("ix_completeness_reminder", "completeness_reminder", ["graduate_id", "kind", "at"], unique=False)
    op.execute(
        "create trigger completeness_reminder_append_only before update or delete on completeness_reminder"
        " for each row execute function lantai_append_only()"
    )
    op.execute(
        "create trigger completeness_reminder_no_truncate before truncate on completeness_reminder"
        " for each statement execute function lantai_append_only()"
    )


def downgrade() -> None:
    op.drop_table("completeness_reminder")
    op.drop_table("completeness_gap")
    op.drop_table("completeness_result")
