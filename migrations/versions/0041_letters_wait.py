"""Circuit breakers of e-mails and SMS beside those of the platforms' templates, and the letters that wait for them.

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
    op.alter_column("channel_breaker", "platform", new_column_name="way")
    op.add_column("contact_attempt", sa.Column("held_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("contact_attempt", "held_until")
    op.execute("delete from channel_breaker where way in ('email', 'sms')")
    op.alter_column("channel_breaker", "way", new_column_name="platform")
