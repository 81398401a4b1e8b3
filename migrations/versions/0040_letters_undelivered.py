"""The index of letters that did not arrive, until when a template's day limit lasts, and what a paused campaign holds.

On the way down a limit is forgotten, and the next message meets it anew; what is held stays in the inbox alone.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_contact_attempt_undelivered",
        "contact_attempt",
        ["created_at"],
        postgresql_where=sa.text("state in ('failed', 'unknown')"),
    )
    op.add_column("channel_breaker", sa.Column("limited_until", sa.DateTime(timezone=True), nullable=True))
    recipients = "notice_campaign_recipient"
    op.add_column(recipients, sa.Column("held", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.alter_column(recipients, "held", server_default=None)
    op.create_index("ix_notice_campaign_recipient_held", recipients, ["campaign_id"], postgresql_where=sa.text("held"))
    campaigns = "notice_campaign"
    op.add_column(campaigns, sa.Column("releasing", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.alter_column(campaigns, "releasing", server_default=None)
    op.create_index("ix_notice_campaign_releasing", campaigns, ["sliced_at"], postgresql_where=sa.text("releasing"))


def downgrade() -> None:
    op.drop_index("ix_notice_campaign_releasing", "notice_campaign")
    op.drop_column("notice_campaign", "releasing")
    op.drop_index("ix_notice_campaign_recipient_held", "notice_campaign_recipient")
    op.drop_column("notice_campaign_recipient", "held")
    op.drop_column("channel_breaker", "limited_until")
    op.drop_index("ix_contact_attempt_undelivered", "contact_attempt")
