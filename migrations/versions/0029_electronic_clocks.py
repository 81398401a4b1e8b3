"""Clocks of the electronic leg, and when a push is tried next.

A push that was still to be tried is tried soon (eight further tries were the most); what had given up waits for staff
from its last move on. The due days are set by the first round of the watch.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

PENDING = """
update electronic_leg set push_due_at = now()
where state = 'submitted' and push_url is not null and pushed_at is null
  and (trouble is null or (trouble = 'push_unreachable' and push_tries between 1 and 8))
"""
STUCK = "update electronic_leg set trouble_at = moved_at where trouble is not null and push_due_at is null"


def upgrade() -> None:
    for name in ("trouble_at", "push_due_at"):
        op.add_column("electronic_leg", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("electronic_leg", sa.Column("due_on", sa.Date(), nullable=True))
    for name in ("timer", "late_told"):
        op.add_column("electronic_leg", sa.Column(name, sa.String(length=12), nullable=True))
    where = sa.text("due_on is not null")
    op.create_index("ix_electronic_leg_due", "electronic_leg", ["due_on"], unique=False, postgresql_where=where)
    op.execute(PENDING)
    op.execute(STUCK)


def downgrade() -> None:
    op.drop_index("ix_electronic_leg_due", table_name="electronic_leg")
    for name in ("late_told", "timer", "due_on", "push_due_at", "trouble_at"):
        op.drop_column("electronic_leg", name)
