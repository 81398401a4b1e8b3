"""What the channel of a transfer was chosen by: the declared history and the rules, sealed.

Of transfers from before nothing is known of it, and their column stays empty.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("transfer", sa.Column("sealed_basis", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("transfer", "sealed_basis")
