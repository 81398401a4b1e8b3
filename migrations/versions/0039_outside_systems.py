"""Import batches that are never filed, and the edition of the catalogue in which a machine's notice was taken.

Batches that a client of the sandbox sent are marked; notices that were taken before get the edition that brought their
words, the only one there was. Taken back, both marks are gone, and staff can import a batch of the sandbox again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("import_batch", sa.Column("dry_only", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.alter_column("import_batch", "dry_only", server_default=None)
    op.execute(
        "update import_batch set dry_only = true from partner_client"
        " where partner_client.id = import_batch.created_by and partner_client.sandbox"
    )
    op.add_column(
        "partner_notice", sa.Column("catalogue_version", sa.String(length=20), server_default="2026-2", nullable=False)
    )
    op.alter_column("partner_notice", "catalogue_version", server_default=None)


def downgrade() -> None:
    op.drop_column("partner_notice", "catalogue_version")
    op.drop_column("import_batch", "dry_only")
