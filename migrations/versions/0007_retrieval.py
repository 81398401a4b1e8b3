"""The search index, searches kept by staff, and purposes of opening content."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _index()
    op.create_table(
        "index_rebuild",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("after", sa.Uuid(), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_index_rebuild")),
    )
    op.create_table(
        "staff_search",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("saved", sa.Boolean(), nullable=False),
        sa.Column("sealed_search", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_search")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_member.id"], name=op.f("fk_staff_search_staff_id")),
    )
    op.create_index("ix_staff_search_staff", "staff_search", ["staff_id", "saved", "created_at"])
    op.create_table(
        "retrieval_purpose",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("graduate_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("sealed_note", sa.LargeBinary(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retrieval_purpose")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_member.id"], name=op.f("fk_retrieval_purpose_staff_id")),
        sa.ForeignKeyConstraint(["graduate_id"], ["graduate.id"], name=op.f("fk_retrieval_purpose_graduate_id")),
    )
    op.create_index("ix_retrieval_purpose_open", "retrieval_purpose", ["staff_id", "graduate_id", "expires_at"])
    op.create_index("ix_retrieval_purpose_opened", "retrieval_purpose", ["opened_at", "id"])
    op.execute(
        "create trigger retrieval_purpose_append_only before update or delete on retrieval_purpose"
        " for each row execute function lantai_append_only()"
    )
    op.execute(
        "create trigger retrieval_purpose_no_truncate before truncate on retrieval_purpose"
        " for each statement execute function lantai_append_only()"
    )


def _index() -> None:
    op.create_table(
        "search_text",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("unit_group", sa.String(length=12), nullable=False),
        sa.Column("zone", sa.String(length=1), nullable=False),
        sa.Column("level", sa.String(length=12), nullable=False),
        sa.Column("strength", sa.String(length=12), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_search_text")),
    )
    op.create_index("ix_search_text_group", "search_text", ["unit_group", "level", "key"])
    op.create_index("ix_search_text_strength", "search_text", ["strength", "key"])
    op.create_table(
        "search_posting",
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("text_key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("token", "text_key", name=op.f("pk_search_posting")),
    )
    op.create_table(
        "search_shelf",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("text_key", sa.LargeBinary(), nullable=False),
        sa.Column("cohort_year", sa.SmallInteger(), nullable=False),
        sa.Column("college", sa.String(length=60), nullable=False),
        sa.Column("major", sa.String(length=60), nullable=False),
        sa.Column("degree_level", sa.String(length=10), nullable=False),
        sa.Column("year", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_search_shelf")),
    )
    op.create_index("ix_search_shelf_text", "search_shelf", ["text_key", "cohort_year", "key"])
    op.create_index("ix_search_shelf_major", "search_shelf", ["major", "cohort_year", "key"])
    op.create_index("ix_search_shelf_college", "search_shelf", ["college", "cohort_year", "key"])
    op.create_index("ix_search_shelf_cohort", "search_shelf", ["cohort_year", "key"])
    op.create_table(
        "retrieval_unit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("shelf_key", sa.LargeBinary(), nullable=False),
        sa.Column("graduate_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retrieval_unit")),
    )
    op.create_index("ix_retrieval_unit_shelf", "retrieval_unit", ["shelf_key", "id"])


def downgrade() -> None:
    for table in (
        "retrieval_purpose",
        "staff_search",
        "index_rebuild",
        "retrieval_unit",
        "search_shelf",
        "search_posting",
        "search_text",
    ):
        op.drop_table(table)
