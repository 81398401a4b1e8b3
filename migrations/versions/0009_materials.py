"""Uploads of scans, supplements of graduates, rounds and findings of fixity."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _uploads()
    _supplements()
    _fixity()


def downgrade() -> None:
    for table in ("fixity_finding", "fixity_run", "supplement", "scan_upload"):
        op.drop_table(table)


def _uploads() -> None:
    op.create_table(
        "scan_upload",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("graduate_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("sealed_outcome", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["graduate_id"], ["graduate.id"], name=op.f("fk_scan_upload_graduate_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_member.id"], name=op.f("fk_scan_upload_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scan_upload")),
    )
    op.create_index(op.f("ix_scan_upload_graduate_id"), "scan_upload", ["graduate_id"])


def _supplements() -> None:
    op.create_table(
        "supplement",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("graduate_id", sa.Uuid(), nullable=False),
        sa.Column("class_code", sa.String(length=4), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("sealed_proposal", sa.LargeBinary(), nullable=False),
        sa.Column("file_name", sa.String(length=64), nullable=False),
        sa.Column("preview_name", sa.String(length=64), nullable=True),
        sa.Column("media_type", sa.String(length=60), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sealed_facts", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason_code", sa.String(length=30), nullable=True),
        sa.Column("sealed_answer", sa.LargeBinary(), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("material_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["decided_by"], ["staff_member.id"], name=op.f("fk_supplement_decided_by")),
        sa.ForeignKeyConstraint(["graduate_id"], ["graduate.id"], name=op.f("fk_supplement_graduate_id")),
        sa.ForeignKeyConstraint(["material_id"], ["material.id"], name=op.f("fk_supplement_material_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supplement")),
        sa.UniqueConstraint("serial", name=op.f("uq_supplement_serial")),
    )
    op.create_index("ix_supplement_queue", "supplement", ["state", "serial"])
    op.create_index("ix_supplement_graduate", "supplement", ["graduate_id", "serial"])


def _fixity() -> None:
    counts = [
        sa.Column(name, kind, nullable=False)
        for name, kind in (
            ("total", sa.BigInteger()),
            ("rows", sa.BigInteger()),
            ("cells", sa.BigInteger()),
            ("files", sa.BigInteger()),
            ("damaged", sa.Integer()),
            ("missing", sa.Integer()),
            ("repaired", sa.Integer()),
            ("erased", sa.Integer()),
            ("slices", sa.Integer()),
        )
    ]
    op.create_table(
        "fixity_run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("started_by", sa.Uuid(), nullable=True),
        sa.Column("stage", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Uuid(), nullable=True),
        *counts,
        sa.Column("abandoned", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["started_by"], ["staff_member.id"], name=op.f("fk_fixity_run_started_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fixity_run")),
    )
    op.create_index("ix_fixity_run_started", "fixity_run", ["started_at"])
    op.create_index(
        "uq_fixity_run_open",
        "fixity_run",
        ["abandoned"],
        unique=True,
        postgresql_where=sa.text("finished_at is null"),
    )
    op.create_table(
        "fixity_finding",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("object_kind", sa.String(length=40), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=False),
        sa.Column("part", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("damage", sa.String(length=20), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("mended_how", sa.String(length=12), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["fixity_run.id"], name=op.f("fk_fixity_finding_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fixity_finding")),
    )
    op.create_index("ix_fixity_finding_found", "fixity_finding", ["found_at"])
    op.create_index(
        "uq_fixity_finding_open",
        "fixity_finding",
        ["object_kind", "object_id", "part"],
        unique=True,
        postgresql_where=sa.text("mended_at is null"),
    )
