"""Decisions keep their deadline and the working days used, so that a later round does not change what was kept.

A decision that seems late is left empty and its ticket's clock is worked out anew by the watch: a ticket decided while
it waited for the graduate counted as late.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

KEPT = """
update ticket_decision d set decide_by = t.decide_by, used_days = t.used_days
from ticket t
where t.id = d.ticket_id and t.round = d.round and t.decided_at is not null and t.clock_calendar is not null
    and (d.decided_at at time zone interval '8 hours')::date <= t.decide_by
"""
AGAIN = """
update ticket set clock_calendar = null
where state in ('applied', 'resolved', 'rejected') and decided_at is not null
    and (decided_at at time zone interval '8 hours')::date > decide_by
"""


def upgrade() -> None:
    op.add_column("ticket_decision", sa.Column("decide_by", sa.Date(), nullable=True))
    op.add_column("ticket_decision", sa.Column("used_days", sa.SmallInteger(), nullable=True))
    op.create_index("ix_ticket_decision_decided", "ticket_decision", ["decided_at"], unique=False)
    op.execute("alter table ticket_decision disable trigger ticket_decision_append_only")
    op.execute(KEPT)
    op.execute("alter table ticket_decision enable trigger ticket_decision_append_only")
    op.execute(AGAIN)


def downgrade() -> None:
    op.drop_index("ix_ticket_decision_decided", table_name="ticket_decision")
    op.drop_column("ticket_decision", "used_days")
    op.drop_column("ticket_decision", "decide_by")
