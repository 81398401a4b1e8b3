"""Governance: written rules, review campaigns, training, responsibility, meters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "duty",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("words", sa.String(length=500), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty")),
    )
    op.create_table(
        "meter_snapshot",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("cohort_year", sa.SmallInteger(), nullable=False),
        sa.Column("meter", sa.String(length=12), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("whole", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "cohort_year", "meter", name=op.f("pk_meter_snapshot")),
    )
    op.create_table(
        "meter_target",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("cohort_year", sa.SmallInteger(), nullable=False),
        sa.Column("meter", sa.String(length=12), nullable=False),
        sa.Column("percent", sa.SmallInteger(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("set_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter_target")),
    )
    op.create_index("ix_meter_target_plan", "meter_target", ["cohort_year", "meter", "created_at"], unique=False)
    op.create_table(
        "office_rule",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("system", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_office_rule")),
        sa.UniqueConstraint("code", name=op.f("uq_office_rule_code")),
    )
    op.create_table(
        "role_policy",
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("enforced", sa.Boolean(), nullable=False),
        sa.Column("grace_days", sa.SmallInteger(), nullable=False),
        sa.Column("changed_by", sa.Uuid(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("role", name=op.f("pk_role_policy")),
    )
    op.create_table(
        "training_course",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("months", sa.SmallInteger(), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_course")),
    )
    op.create_table(
        "duty_assignment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("duty_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("assigned_by", sa.Uuid(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["duty_id"], ["duty.id"], name=op.f("fk_duty_assignment_duty_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_member.id"], name=op.f("fk_duty_assignment_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_assignment")),
    )
    op.create_index(op.f("ix_duty_assignment_duty_id"), "duty_assignment", ["duty_id"], unique=False)
    op.create_index(
        "uq_duty_assignment_current",
        "duty_assignment",
        ["duty_id", "kind"],
        unique=True,
        postgresql_where=sa.text("ended_at is null"),
    )
    op.create_table(
        "office_rule_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("topics", postgresql.ARRAY(sa.String(length=20)), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("published_by", sa.Uuid(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["rule_id"], ["office_rule.id"], name=op.f("fk_office_rule_version_rule_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_office_rule_version")),
        sa.UniqueConstraint("rule_id", "number", name=op.f("uq_office_rule_version_rule_id")),
    )
    op.create_index(
        "uq_office_rule_draft",
        "office_rule_version",
        ["rule_id"],
        unique=True,
        postgresql_where=sa.text("state = 'draft'"),
    )
    op.create_index(
        "uq_office_rule_published",
        "office_rule_version",
        ["rule_id"],
        unique=True,
        postgresql_where=sa.text("state = 'published'"),
    )
    op.create_table(
        "review_campaign",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("cohort_year", sa.SmallInteger(), nullable=True),
        sa.Column("college", sa.String(length=60), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("population", sa.Integer(), nullable=False),
        sa.Column("sample_size", sa.Integer(), nullable=False),
        sa.Column("seed", sa.String(length=32), nullable=False),
        sa.Column("drawn_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("signed_by", sa.Uuid(), nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("report", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("report_digest", sa.String(length=64), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["staff_member.id"], name=op.f("fk_review_campaign_created_by")),
        sa.ForeignKeyConstraint(["signed_by"], ["staff_member.id"], name=op.f("fk_review_campaign_signed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_campaign")),
    )
    op.create_table(
        "staff_certificate",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("person_key", sa.Uuid(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("issued_by", sa.Uuid(), nullable=False),
        sa.Column("revoked_by", sa.Uuid(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["course_id"], ["training_course.id"], name=op.f("fk_staff_certificate_course_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_member.id"], name=op.f("fk_staff_certificate_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_certificate")),
    )
    op.create_index("ix_staff_certificate_person", "staff_certificate", ["person_key", "course_id"], unique=False)
    op.create_table(
        "review_item",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("dossier_id", sa.Uuid(), nullable=False),
        sa.Column("graduate_id", sa.Uuid(), nullable=False),
        sa.Column("college", sa.String(length=60), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("checked_by", sa.Uuid(), nullable=True),
        sa.Column("checked_person", sa.Uuid(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["review_campaign.id"], name=op.f("fk_review_item_campaign_id")),
        sa.ForeignKeyConstraint(["checked_by"], ["staff_member.id"], name=op.f("fk_review_item_checked_by")),
        sa.ForeignKeyConstraint(["dossier_id"], ["dossier.id"], name=op.f("fk_review_item_dossier_id")),
        sa.ForeignKeyConstraint(["graduate_id"], ["graduate.id"], name=op.f("fk_review_item_graduate_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_item")),
        sa.UniqueConstraint("campaign_id", "position", name=op.f("uq_review_item_campaign_id")),
    )
    op.create_index("ix_review_item_waiting", "review_item", ["campaign_id", "outcome"], unique=False)
    op.create_table(
        "review_finding",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("sealed_note", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_mending", sa.LargeBinary(), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("mended_by", sa.Uuid(), nullable=True),
        sa.Column("mended_person", sa.Uuid(), nullable=True),
        sa.Column("mended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["closed_by"], ["staff_member.id"], name=op.f("fk_review_finding_closed_by")),
        sa.ForeignKeyConstraint(["item_id"], ["review_item.id"], name=op.f("fk_review_finding_item_id")),
        sa.ForeignKeyConstraint(["mended_by"], ["staff_member.id"], name=op.f("fk_review_finding_mended_by")),
        sa.ForeignKeyConstraint(["owner_id"], ["staff_member.id"], name=op.f("fk_review_finding_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_finding")),
        sa.UniqueConstraint("item_id", name=op.f("uq_review_finding_item_id")),
    )
    op.create_index(op.f("ix_review_finding_owner_id"), "review_finding", ["owner_id"], unique=False)


def downgrade() -> None:
    op.drop_table("review_finding")
    op.drop_table("review_item")
    op.drop_table("staff_certificate")
    op.drop_table("review_campaign")
    op.drop_table("office_rule_version")
    op.drop_table("duty_assignment")
    op.drop_table("training_course")
    op.drop_table("role_policy")
    op.drop_table("office_rule")
    op.drop_table("meter_target")
    op.drop_table("meter_snapshot")
    op.drop_table("duty")
