"""The feed of public events, subscriptions to it, and the log of deliveries.

What happened before is not in the feed: it begins with the first event after the upgrade.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

PUBLIC_TYPES = (
    "dossier.filed",
    "dossier.material_added",
    "dossier.material_replaced",
    "dossier.record_corrected",
    "electronic.moved",
    "supplement.decided",
    "supplement.submitted",
    "ticket.answered",
    "ticket.appealed",
    "ticket.asked",
    "ticket.decided",
    "ticket.merged",
    "ticket.opened",
    "ticket.reopened",
    "ticket.withdrawn",
    "transfer.count_mismatch",
    "transfer.moved",
    "transfer.opened",
    "webhook.disabled",
)
MARK = """
create function lantai_event_outbox() returns trigger language plpgsql as $$
begin
    insert into event_outbox (event_id) values (new.id);
    return null;
end $$
"""


def upgrade() -> None:
    op.create_table(
        "event_outbox",
        sa.Column("event_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_event_outbox")),
    )
    op.create_table(
        "feed_state",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("last_serial", sa.BigInteger(), nullable=False),
        sa.Column("swept_serial", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_feed_state_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed_state")),
    )
    op.create_table(
        "public_event",
        sa.Column("serial", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(length=60), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("receiver_code", sa.String(length=40), nullable=True),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_public_event")),
        sa.UniqueConstraint("id", name=op.f("uq_public_event_id")),
    )
    op.create_index(op.f("ix_public_event_recorded_at"), "public_event", ["recorded_at"])
    _subscriptions()
    _deliveries()
    op.execute(MARK)
    listed = ", ".join(f"'{name}'" for name in PUBLIC_TYPES)
    op.execute(
        f"create trigger event_outbox after insert on event for each row when (new.type in ({listed}))"
        " execute function lantai_event_outbox()"
    )


def _subscriptions() -> None:
    op.create_table(
        "webhook_subscription",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.String(length=2048), nullable=False),
        sa.Column("types", postgresql.ARRAY(sa.String(length=60)), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("ended", sa.String(length=10), nullable=True),
        sa.Column("sealed_secrets", sa.LargeBinary(), nullable=False),
        sa.Column("secret_version", sa.Integer(), nullable=False),
        sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_success_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_failure_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("resume_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state <> 'disabled' or ended is not null", name=op.f("ck_webhook_subscription_ended_why")),
        sa.ForeignKeyConstraint(["client_id"], ["partner_client.id"], name=op.f("fk_webhook_subscription_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_subscription")),
        sa.UniqueConstraint("serial", name=op.f("uq_webhook_subscription_serial")),
    )
    op.create_index(op.f("ix_webhook_subscription_client_id"), "webhook_subscription", ["client_id"])


def _deliveries() -> None:
    op.create_table(
        "webhook_message",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("event_serial", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["webhook_subscription.id"],
            name=op.f("fk_webhook_message_subscription_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["event_serial"],
            ["public_event.serial"],
            name=op.f("fk_webhook_message_event_serial"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_message")),
        sa.UniqueConstraint("subscription_id", "event_serial", name=op.f("uq_webhook_message_subscription_id")),
    )
    op.create_index(op.f("ix_webhook_message_event_serial"), "webhook_message", ["event_serial"])
    op.create_index(
        "ix_webhook_message_due",
        "webhook_message",
        ["subscription_id", "due_at"],
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "webhook_attempt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["webhook_message.id"], name=op.f("fk_webhook_attempt_message_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_attempt")),
        sa.UniqueConstraint("message_id", "number", name=op.f("uq_webhook_attempt_message_id")),
    )


def downgrade() -> None:
    op.execute("drop trigger event_outbox on event")
    op.execute("drop function lantai_event_outbox()")
    op.drop_table("webhook_attempt")
    op.drop_table("webhook_message")
    op.drop_table("webhook_subscription")
    op.drop_table("public_event")
    op.drop_table("feed_state")
    op.drop_table("event_outbox")
