"""Four-property check runs and what people confirmed: history, never changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

APPEND_ONLY = ("check_run", "check_item")


def upgrade() -> None:
    op.create_table(
        "check_run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("dossier_id", sa.Uuid(), nullable=False),
        sa.Column("graduate_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.String(length=12), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("dossier_version", sa.Integer(), nullable=False),
        sa.Column("rules_version", sa.String(length=20), nullable=False),
        sa.Column("sealed_report", sa.LargeBinary(), nullable=False),
        sa.Column("report_digest", sa.String(length=64), nullable=False),
        sa.Column("package_digest", sa.String(length=64), nullable=False),
        sa.Column("ran_kind", sa.String(length=12), nullable=False),
        sa.Column("ran_by", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["dossier_id"], ["dossier.id"], name=op.f("fk_check_run_dossier_id")),
        sa.ForeignKeyConstraint(["graduate_id"], ["graduate.id"], name=op.f("fk_check_run_graduate_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_run")),
    )
    op.create_index("ix_check_run_dossier", "check_run", ["dossier_id", "at"], unique=False)
    op.create_index(op.f("ix_check_run_graduate_id"), "check_run", ["graduate_id"], unique=False)
    op.create_table(
        "check_item",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("dossier_id", sa.Uuid(), nullable=False),
        sa.Column("check_code", sa.String(length=10), nullable=False),
        sa.Column("dossier_version", sa.Integer(), nullable=False),
        sa.Column("agreed", sa.Boolean(), nullable=False),
        sa.Column("sealed_note", sa.LargeBinary(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["dossier_id"], ["dossier.id"], name=op.f("fk_check_item_dossier_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_member.id"], name=op.f("fk_check_item_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_item")),
    )
    op.create_index("ix_check_item_dossier", "check_item", ["dossier_id", "dossier_version"], unique=False)
    for table in APPEND_ONLY:
        op.execute(
            f"create trigger {table}_append_only before update or delete on {table}"
            " for each row execute function lantai_append_only()"
        )


def downgrade() -> None:
    op.drop_table("check_item")
    op.drop_table("check_run")
