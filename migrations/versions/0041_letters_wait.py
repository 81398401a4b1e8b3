"""Letters that wait for the circuit breaker of their kind. Breakers of e-mails and SMS stand beside those of templates,
in the columns that are there, so that workers of the release before go on while processes are changed over.

On the way down the breakers of letters are forgotten: what waits is tried when its job comes, and the next failures
stop nothing, as before.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("contact_attempt", sa.Column("held_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("contact_attempt", "held_until")
    op.execute("delete from channel_breaker where platform in ('email', 'sms')")
