"""Transfers as the rule book: numbers, clocks, frozen catalogues, hand-overs, and what two persons do together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

IS_OPEN = "supplements is null and state not in ('closed', 'supplement_open', 'redirected', 'withdrawn')"
WAS_OPEN = "supplements is null and state not in ('closed', 'withdrawn', 'returned')"
RECEIPT_FITS = (
    "state not in ('received', 'closed', 'supplement_open') or manifest_digest is null"
    " or receipt_digest = manifest_digest"
)
APPEND_ONLY = ("transfer_manifest", "dispatch")
# Returned was an end, and the next transfer of the dossier began anew: where there is one, the old one was redirected.
FOLLOWED = """
update transfer t set state = 'redirected'
where state = 'returned' and exists (
    select 1 from transfer n where n.dossier_id = t.dossier_id and n.supplements is null and n.created_at > t.created_at
)
"""
WITH_PAPERS_BEHIND = """
update transfer p set state = 'supplement_open'
where state in ('received', 'closed') and exists (
    select 1 from transfer s where s.supplements = p.id and s.state not in ('received', 'closed', 'withdrawn')
)
"""
# States the former version does not know, as the nearest it does; a dossier whose seal is whole stays sealed.
FORMER = """
update transfer set state = case state
    when 'held_at_school' then 'destination_registered'
    when 'receipt_overdue' then 'delivered_unconfirmed'
    when 'supplement_open' then 'closed'
    when 'refused' then 'in_transit'
    when 'lost_suspected' then 'in_transit'
    when 'tracing' then 'in_transit'
    when 'lost_confirmed' then 'in_transit'
    when 'rebuilding' then 'school_approved'
    when 'redirected' then 'withdrawn'
    else state end
"""


def upgrade() -> None:
    op.execute(FOLLOWED)
    op.execute(WITH_PAPERS_BEHIND)
    op.drop_index("uq_transfer_open", table_name="transfer")
    op.add_column("transfer", sa.Column("serial", sa.BigInteger(), sa.Identity(always=True), nullable=False))
    op.create_unique_constraint(op.f("uq_transfer_serial"), "transfer", ["serial"])
    for name in ("asked_on", "handed_on", "kept_until", "due_on"):
        op.add_column("transfer", sa.Column(name, sa.Date(), nullable=True))
    op.add_column("transfer", sa.Column("timer", sa.String(length=12), nullable=True))
    op.add_column("transfer", sa.Column("manifest_digest", sa.LargeBinary(), nullable=True))
    op.add_column("transfer", sa.Column("receipt_digest", sa.LargeBinary(), nullable=True))
    op.add_column("transfer", sa.Column("follows", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_transfer_follows"), "transfer", "transfer", ["follows"], ["id"])
    op.create_index(op.f("ix_transfer_follows"), "transfer", ["follows"], unique=False)
    op.create_index("uq_transfer_open", "transfer", ["dossier_id"], unique=True, postgresql_where=sa.text(IS_OPEN))
    op.create_index("ix_transfer_due", "transfer", ["due_on"], postgresql_where=sa.text("due_on is not null"))
    op.create_index("ix_transfer_state", "transfer", ["state", "moved_at"], unique=False)
    op.create_check_constraint(op.f("ck_transfer_receipt_fits"), "transfer", RECEIPT_FITS)
    _manifests()
    _dispatches()
    _double_acts()
    for table in APPEND_ONLY:
        op.execute(
            f"create trigger {table}_append_only before update or delete on {table}"
            " for each row execute function lantai_append_only()"
        )
        op.execute(
            f"create trigger {table}_no_truncate before truncate on {table}"
            " for each statement execute function lantai_append_only()"
        )


def _manifests() -> None:
    op.create_table(
        "transfer_manifest",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfer.id"], name=op.f("fk_transfer_manifest_transfer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer_manifest")),
        sa.UniqueConstraint("transfer_id", "number", name=op.f("uq_transfer_manifest_transfer_id")),
    )


def _dispatches() -> None:
    op.create_table(
        "dispatch",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("tracking_bidx", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_numbers", sa.LargeBinary(), nullable=False),
        sa.Column("handed_by", sa.Uuid(), nullable=False),
        sa.Column("handed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfer.id"], name=op.f("fk_dispatch_transfer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispatch")),
        sa.UniqueConstraint("tracking_bidx", name=op.f("uq_dispatch_tracking_bidx")),
        sa.UniqueConstraint("transfer_id", "number", name=op.f("uq_dispatch_transfer_id")),
    )


def _double_acts() -> None:
    op.create_table(
        "double_act",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("target", sa.String(length=30), nullable=False),
        sa.Column("base_version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("sealed_evidence", sa.LargeBinary(), nullable=False),
        sa.Column("file_name", sa.String(length=64), nullable=True),
        sa.Column("first_staff", sa.Uuid(), nullable=False),
        sa.Column("first_person", sa.Uuid(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("second_staff", sa.Uuid(), nullable=True),
        sa.Column("second_person", sa.Uuid(), nullable=True),
        sa.Column("second_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "second_person is null or second_person <> first_person", name=op.f("ck_double_act_two_persons")
        ),
        sa.CheckConstraint("state <> 'done' or second_person is not null", name=op.f("ck_double_act_done_by_two")),
        sa.ForeignKeyConstraint(["first_staff"], ["staff_member.id"], name=op.f("fk_double_act_first_staff")),
        sa.ForeignKeyConstraint(["second_staff"], ["staff_member.id"], name=op.f("fk_double_act_second_staff")),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfer.id"], name=op.f("fk_double_act_transfer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_double_act")),
    )
    op.create_index(op.f("ix_double_act_transfer_id"), "double_act", ["transfer_id"], unique=False)
    op.create_index(
        "uq_double_act_waiting",
        "double_act",
        ["transfer_id"],
        unique=True,
        postgresql_where=sa.text("state = 'waiting'"),
    )


def downgrade() -> None:
    op.drop_table("double_act")
    op.drop_table("dispatch")
    op.drop_table("transfer_manifest")
    op.drop_constraint(op.f("ck_transfer_receipt_fits"), "transfer", type_="check")
    op.drop_index("ix_transfer_state", table_name="transfer")
    op.drop_index("ix_transfer_due", table_name="transfer")
    op.drop_index("uq_transfer_open", table_name="transfer")
    op.execute(FORMER)
    op.drop_column("transfer", "follows")
    for name in ("receipt_digest", "manifest_digest", "timer", "due_on", "kept_until", "handed_on", "asked_on"):
        op.drop_column("transfer", name)
    op.drop_column("transfer", "serial")
    op.create_index("uq_transfer_open", "transfer", ["dossier_id"], unique=True, postgresql_where=sa.text(WAS_OPEN))
