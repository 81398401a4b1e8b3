"""Custody of the paper: places, where each dossier stands, every move, loans.

A dossier whose transfer is away, or that a receiver has, is taken over as having left the house; one that came back as
waiting for a place. Of all others no place is known, and they get no row.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

TWO = (
    "state not in ('out', 'returned') or not takes_two or (second_person is not null and second_person <> first_person)"
)
TAKEN_OVER = """
insert into custody (dossier_id, graduate_id, standing, since, moves)
select d.id, d.graduate_id, case when t.state = 'returned' then 'unplaced' else 'left' end,
       coalesce(t.moved_at, d.created_at), 1
from dossier d
left join lateral (
    select state, moved_at from transfer
    where dossier_id = d.id and supplements is null order by serial desc limit 1
) t on true
where d.state = 'transferred' or t.state in (
    'handed_to_carrier', 'in_transit', 'delivered_unconfirmed', 'receipt_overdue', 'refused', 'lost_suspected',
    'tracing', 'lost_confirmed', 'rebuilding', 'returned'
)
"""
FIRST_MOVES = """
insert into custody_move (id, dossier_id, number, graduate_id, kind, why, at)
select gen_random_uuid(), dossier_id, 1, graduate_id,
       case when standing = 'unplaced' then 'came_back' else 'left' end, 'before', since
from custody
"""


def upgrade() -> None:
    op.create_table(
        "shelf_place",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=24), nullable=False),
        sa.Column("code_key", sa.String(length=24), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("opened_by", sa.Uuid(), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["closed_by"], ["staff_member.id"], name=op.f("fk_shelf_place_closed_by")),
        sa.ForeignKeyConstraint(["opened_by"], ["staff_member.id"], name=op.f("fk_shelf_place_opened_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shelf_place")),
    )
    op.create_index(
        "uq_shelf_place_open", "shelf_place", ["code_key"], unique=True, postgresql_where=sa.text("closed_on is null")
    )
    op.create_index("ix_shelf_place_code", "shelf_place", ["code"], unique=False)
    op.create_table(
        "custody",
        sa.Column("dossier_id", sa.Uuid(), nullable=False),
        sa.Column("graduate_id", sa.Uuid(), nullable=False),
        sa.Column("standing", sa.String(length=12), nullable=False),
        sa.Column("place_id", sa.Uuid(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moves", sa.Integer(), nullable=False),
        sa.CheckConstraint("standing <> 'shelved' or place_id is not null", name=op.f("ck_custody_shelved_somewhere")),
        sa.ForeignKeyConstraint(["dossier_id"], ["dossier.id"], name=op.f("fk_custody_dossier_id")),
        sa.ForeignKeyConstraint(["graduate_id"], ["graduate.id"], name=op.f("fk_custody_graduate_id")),
        sa.ForeignKeyConstraint(["place_id"], ["shelf_place.id"], name=op.f("fk_custody_place_id")),
        sa.PrimaryKeyConstraint("dossier_id", name=op.f("pk_custody")),
    )
    op.create_index("ix_custody_place", "custody", ["place_id"], unique=False)
    op.create_index("ix_custody_standing", "custody", ["standing", "since"], unique=False)
    _loans()
    _moves()
    op.execute(TAKEN_OVER)
    op.execute(FIRST_MOVES)


def _loans() -> None:
    op.create_table(
        "loan",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("dossier_id", sa.Uuid(), nullable=False),
        sa.Column("graduate_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("borrower", sa.String(length=12), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("takes_two", sa.Boolean(), nullable=False),
        sa.Column("sealed_words", sa.LargeBinary(), nullable=False),
        sa.Column("days", sa.SmallInteger(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("extensions", sa.SmallInteger(), nullable=False),
        sa.Column("first_staff", sa.Uuid(), nullable=False),
        sa.Column("first_person", sa.Uuid(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("second_staff", sa.Uuid(), nullable=True),
        sa.Column("second_person", sa.Uuid(), nullable=True),
        sa.Column("second_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("out_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("returned_by", sa.Uuid(), nullable=True),
        sa.Column("condition", sa.String(length=12), nullable=True),
        sa.Column("flag", sa.String(length=10), nullable=False),
        sa.CheckConstraint(TWO, name=op.f("ck_loan_two_persons")),
        sa.CheckConstraint("state <> 'out' or due_on is not null", name=op.f("ck_loan_out_until")),
        sa.CheckConstraint("state <> 'returned' or condition is not null", name=op.f("ck_loan_condition_checked")),
        sa.ForeignKeyConstraint(["dossier_id"], ["dossier.id"], name=op.f("fk_loan_dossier_id")),
        sa.ForeignKeyConstraint(["graduate_id"], ["graduate.id"], name=op.f("fk_loan_graduate_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_member.id"], name=op.f("fk_loan_staff_id")),
        sa.ForeignKeyConstraint(["first_staff"], ["staff_member.id"], name=op.f("fk_loan_first_staff")),
        sa.ForeignKeyConstraint(["second_staff"], ["staff_member.id"], name=op.f("fk_loan_second_staff")),
        sa.ForeignKeyConstraint(["returned_by"], ["staff_member.id"], name=op.f("fk_loan_returned_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_loan")),
        sa.UniqueConstraint("serial", name=op.f("uq_loan_serial")),
    )
    is_open = sa.text("state in ('requested', 'out')")
    op.create_index("uq_loan_open", "loan", ["dossier_id"], unique=True, postgresql_where=is_open)
    op.create_index("ix_loan_due", "loan", ["due_on"], unique=False, postgresql_where=sa.text("state = 'out'"))
    op.create_index("ix_loan_graduate", "loan", ["graduate_id"], unique=False)
    op.create_index("ix_loan_flag", "loan", ["id"], unique=False, postgresql_where=sa.text("flag = 'open'"))


def _moves() -> None:
    op.create_table(
        "custody_move",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("dossier_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("graduate_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("why", sa.String(length=12), nullable=False),
        sa.Column("place_id", sa.Uuid(), nullable=True),
        sa.Column("loan_id", sa.Uuid(), nullable=True),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["dossier_id"], ["dossier.id"], name=op.f("fk_custody_move_dossier_id")),
        sa.ForeignKeyConstraint(["graduate_id"], ["graduate.id"], name=op.f("fk_custody_move_graduate_id")),
        sa.ForeignKeyConstraint(["loan_id"], ["loan.id"], name=op.f("fk_custody_move_loan_id")),
        sa.ForeignKeyConstraint(["place_id"], ["shelf_place.id"], name=op.f("fk_custody_move_place_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_member.id"], name=op.f("fk_custody_move_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custody_move")),
        sa.UniqueConstraint("serial", name=op.f("uq_custody_move_serial")),
        sa.UniqueConstraint("dossier_id", "number", name=op.f("uq_custody_move_dossier_id")),
    )
    op.create_index("ix_custody_move_staff", "custody_move", ["staff_id", "serial"], unique=False)
    op.execute(
        "create trigger custody_move_append_only before update or delete on custody_move"
        " for each row execute function lantai_append_only()"
    )
    op.execute(
        "create trigger custody_move_no_truncate before truncate on custody_move"
        " for each statement execute function lantai_append_only()"
    )


def downgrade() -> None:
    op.drop_table("custody_move")
    op.drop_table("loan")
    op.drop_table("custody")
    op.drop_table("shelf_place")
