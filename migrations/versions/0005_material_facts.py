"""What was measured of a material's content, its preview, and a blind index to find the same content twice."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("material_version", sa.Column("preview_name", sa.String(length=64), nullable=True))
    op.add_column("material_version", sa.Column("content_bidx", sa.LargeBinary(), nullable=True))
    op.add_column("material_version", sa.Column("sealed_facts", sa.LargeBinary(), nullable=True))
    op.create_index("ix_material_version_content", "material_version", ["content_bidx"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_material_version_content", table_name="material_version")
    op.drop_column("material_version", "sealed_facts")
    op.drop_column("material_version", "content_bidx")
    op.drop_column("material_version", "preview_name")
