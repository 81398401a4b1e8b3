"""Import batches with their sealed source and rows, and the functions that take a batch back while nothing depends on
it. Versions stay append-only: the trigger lets only lantai_undo_import delete them, and only those of its batch.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# As in 0002, but for the one way out. The setting alone opens nothing: the row must be of a graduate the batch filed,
# the batch must be in the state of being undone, and the application's role holds no right to delete these rows.
LET_UNDO = """
create or replace function lantai_append_only() returns trigger language plpgsql as $$
declare
    batch text := coalesce(current_setting('lantai.undoing', true), '');
    owner uuid;
begin
    if tg_op = 'DELETE' and batch <> '' and tg_table_name in ('record_version', 'material_version') then
        if tg_table_name = 'record_version' then
            select d.graduate_id into owner from record r join dossier d on d.id = r.dossier_id
            where r.id = old.record_id;
        else
            select d.graduate_id into owner from material m join dossier d on d.id = m.dossier_id
            where m.id = old.material_id;
        end if;
        if exists (
            select from import_row r join import_batch b on b.id = r.batch_id
            where b.id = batch::uuid and b.state = 'undoing' and r.graduate_id = owner
        ) then
            return old;
        end if;
    end if;
    raise exception 'rows of % are append-only', tg_table_name using errcode = 'restrict_violation';
end $$
"""
REFUSE = """
create or replace function lantai_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'rows of % are append-only', tg_table_name using errcode = 'restrict_violation';
end $$
"""

# What a batch filed, as a view that the functions share. Graduates only: photos added to others are not taken back.
FILED = """
create view import_filed as
select r.batch_id, r.line, r.graduate_id, d.id as dossier_id
from import_row r join dossier d on d.graduate_id = r.graduate_id
where r.sheet = 'graduates' and r.outcome = 'filed'
"""

# Every table that points at a graduate, a dossier, a record, a material or a version hinders, whoever adds it: found
# by its foreign keys, or by a column called graduate_id without one. Not so what an import itself writes, what is
# derived from dossiers (DERIVED: it goes with them) and what goes by cascade.
DERIVED = "'completeness_gap', 'completeness_result', 'retrieval_unit', 'award_fact'"
HINDRANCES = """
create function lantai_undo_hindrances(wanted uuid) returns table (line integer, graduate_id uuid, relation text)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    link record;
    inside text;
begin
    return query
        select f.line, f.graduate_id, 'dossier' from import_filed f join dossier d on d.id = f.dossier_id
        where f.batch_id = wanted and (d.state <> 'open' or d.version <> 1)
        union all
        select f.line, f.graduate_id, 'record' from import_filed f join record r on r.dossier_id = f.dossier_id
        where f.batch_id = wanted and r.current <> 1
        union all
        select f.line, f.graduate_id, 'material' from import_filed f join material m on m.dossier_id = f.dossier_id
        where f.batch_id = wanted and m.current <> 1;
    for link in
        select c.conrelid::regclass::text as source, a.attname::text as source_column,
               c.confrelid::regclass::text as target
        from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
        where c.contype = 'f' and c.confdeltype <> 'c'
          and c.confrelid in ('graduate'::regclass, 'dossier'::regclass, 'record'::regclass, 'material'::regclass,
                              'record_version'::regclass, 'material_version'::regclass)
          and c.conrelid not in ('dossier'::regclass, 'record'::regclass, 'material'::regclass,
                                 'record_version'::regclass, 'material_version'::regclass)
          and c.conrelid::regclass::text not in (<derived>)
        union
        select t.oid::regclass::text, 'graduate_id', 'graduate'
        from pg_class t join pg_attribute a on a.attrelid = t.oid
        where t.relnamespace = 'public'::regnamespace and t.relkind = 'r' and a.attname = 'graduate_id'
          and a.atttypid = 'uuid'::regtype and not a.attisdropped
          and t.relname not in ('event', 'import_row', 'dossier', <derived>)
    loop
        inside := case link.target
            when 'graduate' then 'join %1$s t on t.%2$I = f.graduate_id'
            when 'dossier' then 'join %1$s t on t.%2$I = f.dossier_id'
            when 'record' then 'join record x on x.dossier_id = f.dossier_id join %1$s t on t.%2$I = x.id'
            when 'material' then 'join material x on x.dossier_id = f.dossier_id join %1$s t on t.%2$I = x.id'
            when 'record_version' then 'join record x on x.dossier_id = f.dossier_id'
                ' join record_version v on v.record_id = x.id join %1$s t on t.%2$I = v.id'
            else 'join material x on x.dossier_id = f.dossier_id'
                ' join material_version v on v.material_id = x.id join %1$s t on t.%2$I = v.id'
        end;
        return query execute format(
            'select distinct f.line, f.graduate_id, %3$L::text from import_filed f ' || inside
            || ' where f.batch_id = %4$L::uuid', link.source, link.source_column, link.source, wanted);
    end loop;
end $$
"""

UNDO = """
create function lantai_undo_import(wanted uuid) returns integer
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    gone integer;
    derived text;
begin
    perform 1 from import_batch b where b.id = wanted and b.state = 'undoing' for update;
    if not found then
        raise exception 'batch % is not being undone', wanted using errcode = 'restrict_violation';
    end if;
    -- nobody may attach anything to these from here on: a foreign key wants a share of the row
    perform 1 from graduate g join import_filed f on f.graduate_id = g.id where f.batch_id = wanted for update of g;
    perform 1 from dossier d join import_filed f on f.dossier_id = d.id where f.batch_id = wanted for update of d;
    -- the application may write the batch's rows but not the event log: what a batch filed, the log must say too
    if exists (
        select from import_filed f where f.batch_id = wanted and not exists (
            select from event e where e.graduate_id = f.graduate_id and e.type = 'dossier.filed'
            and e.data->>'batch_id' = wanted::text)
    ) then
        raise exception 'batch % did not file these', wanted using errcode = 'restrict_violation';
    end if;
    if exists (select from lantai_undo_hindrances(wanted)) then
        raise exception 'something depends on batch %', wanted using errcode = 'restrict_violation';
    end if;
    foreach derived in array array[<derived>] loop
        if to_regclass(derived) is not null then
            execute format('delete from %I t using import_filed f where t.graduate_id = f.graduate_id'
                ' and f.batch_id = %L::uuid', derived, wanted);
        end if;
    end loop;
    perform set_config('lantai.undoing', wanted::text, true);
    delete from record_version v using record r, import_filed f
    where v.record_id = r.id and r.dossier_id = f.dossier_id and f.batch_id = wanted;
    delete from material_version v using material m, import_filed f
    where v.material_id = m.id and m.dossier_id = f.dossier_id and f.batch_id = wanted;
    perform set_config('lantai.undoing', '', true);
    delete from record r using import_filed f where r.dossier_id = f.dossier_id and f.batch_id = wanted;
    delete from material m using import_filed f where m.dossier_id = f.dossier_id and f.batch_id = wanted;
    delete from data_key k using import_filed f where k.owner_id = f.graduate_id and f.batch_id = wanted;
    delete from dossier d using import_filed f where d.id = f.dossier_id and f.batch_id = wanted;
    delete from graduate g using import_row r
    where g.id = r.graduate_id and r.batch_id = wanted and r.sheet = 'graduates' and r.outcome = 'filed';
    get diagnostics gone = row_count;
    return gone;
end $$
"""


def upgrade() -> None:
    op.create_table(
        "import_batch",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key_bidx", sa.LargeBinary(), nullable=True),
        sa.Column("content_bidx", sa.LargeBinary(), nullable=True),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("source", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("sealed_name", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mapping", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("problems", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("trouble", sa.String(length=40), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("filed", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("staged", sa.Boolean(), nullable=False),
        sa.Column("created_by_kind", sa.String(length=12), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("run_by_kind", sa.String(length=12), nullable=True),
        sa.Column("run_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("purged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["import_batch.id"], name=op.f("fk_import_batch_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_batch")),
        sa.UniqueConstraint("key_bidx", name=op.f("uq_import_batch_key_bidx")),
    )
    op.create_index("ix_import_batch_created", "import_batch", ["created_at"], unique=False)
    op.create_table(
        "import_segment",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["import_batch.id"], name=op.f("fk_import_segment_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", "position", name=op.f("pk_import_segment")),
    )
    op.create_table(
        "import_row",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("sheet", sa.String(length=12), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=8), nullable=False),
        sa.Column("faults", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("graduate_id", sa.Uuid(), nullable=True),
        sa.Column("row_bidx", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_cells", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["import_batch.id"], name=op.f("fk_import_row_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", "sheet", "line", name=op.f("pk_import_row")),
    )
    op.create_index("ix_import_row_graduate", "import_row", ["graduate_id"], unique=False)
    op.create_table(
        "import_stage",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("student_bidx", sa.LargeBinary(), nullable=False),
        sa.Column("sheet", sa.String(length=12), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("taken", sa.Boolean(), nullable=False),
        sa.Column("sealed_rows", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["import_batch.id"], name=op.f("fk_import_stage_batch_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_stage")),
    )
    op.create_index("ix_import_stage_student", "import_stage", ["batch_id", "student_bidx"], unique=False)
    op.create_table(
        "import_file",
        sa.Column("file_name", sa.String(length=64), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["import_batch.id"], name=op.f("fk_import_file_batch_id")),
        sa.PrimaryKeyConstraint("file_name", name=op.f("pk_import_file")),
    )
    op.create_index(op.f("ix_import_file_batch_id"), "import_file", ["batch_id"], unique=False)
    for statement in (LET_UNDO, FILED, HINDRANCES, UNDO):
        op.execute(statement.replace("<derived>", DERIVED))
    for function in ("lantai_undo_hindrances(uuid)", "lantai_undo_import(uuid)"):
        op.execute(f"revoke all on function {function} from public")


def downgrade() -> None:
    for statement in (
        "drop function lantai_undo_import(uuid)",
        "drop function lantai_undo_hindrances(uuid)",
        "drop view import_filed",
        REFUSE,
    ):
        op.execute(statement)
    for table in ("import_file", "import_stage", "import_row", "import_segment", "import_batch"):
        op.drop_table(table)
