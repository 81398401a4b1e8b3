"""When the platform says that a pushed decision was taken: what is told late does not take back a later one.

Attempts are found by their account, of which WeChat tells after each message.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("inbound_push", sa.Column("created_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("subscription", sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_delivery_attempt_identity", "delivery_attempt", ["identity_id", "created_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_delivery_attempt_identity", table_name="delivery_attempt")
    op.drop_column("subscription", "decided_at")
    op.drop_column("inbound_push", "created_at")
