"""By which a message's check-code is found; messages from before have no code. Staff's mailboxes for test sends."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notice", sa.Column("check_hash", sa.LargeBinary(), nullable=True))
    op.create_unique_constraint(op.f("uq_notice_check_hash"), "notice", ["check_hash"])
    op.create_table(
        "staff_mailbox",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("sealed_address", sa.LargeBinary(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=True),
        sa.Column("code_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("code_tries", sa.SmallInteger(), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_member.id"], name=op.f("fk_staff_mailbox_staff_id_staff_member")),
        sa.PrimaryKeyConstraint("staff_id", name=op.f("pk_staff_mailbox")),
    )


def downgrade() -> None:
    op.drop_table("staff_mailbox")
    op.drop_constraint(op.f("uq_notice_check_hash"), "notice", type_="unique")
    op.drop_column("notice", "check_hash")
