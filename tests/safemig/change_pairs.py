"""The same change of a schema in several languages: SQL, Alembic's operations, a model, a table of the plan."""

from __future__ import annotations

from dataclasses import dataclass, field

BASE = """
CREATE TYPE public.level AS ENUM ('low', 'high');
CREATE SCHEMA shop;
CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END; $$;
CREATE TABLE public.u (id integer PRIMARY KEY, name text);
CREATE TABLE public.t (
    id integer, a integer, b text, c numeric(8,2) DEFAULT 1.5 NOT NULL, d timestamp with time zone, r int4range,
    level public.level, "Mixed Case" text,
    CONSTRAINT ck_c CHECK (c > 0), CONSTRAINT uq_b UNIQUE (b)
);
CREATE INDEX ix_a ON public.t (a);
CREATE TABLE shop.item (id integer PRIMARY KEY, price integer, name character varying(20));
CREATE TABLE public."Order" (id integer PRIMARY KEY, "Total" numeric);
CREATE TABLE public.old (id integer);
CREATE TABLE public.measure (at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE public.measure_26 (at date NOT NULL);
CREATE VIEW public.names AS SELECT name FROM public.u;
CREATE TRIGGER g0 BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.f();
CREATE SEQUENCE public.numbers;
"""


@dataclass(frozen=True)
class Pair:
    """One change. ``forms`` are further ones by language; ``back``: whether a downgrade follows from each form.

    ``types`` are those of columns before it, as a plan reads them from the schema (``Wanted.types``).
    """

    name: str
    sql: str
    op: str
    back: bool = True
    forms: dict[str, str] = field(default_factory=dict)
    types: tuple[tuple[str, str, str], ...] = ()


def _executed(name: str, sql: str, *, back: bool = True) -> Pair:
    """A statement that no operation carries: it stands in ``op.execute``."""
    return Pair(name, sql, "\n".join(f"op.execute({one.strip()!r})" for one in sql.split(";") if one.strip()), back)


_COLUMNS = (
    Pair("nullable-off", "ALTER TABLE t ALTER COLUMN a SET NOT NULL;", 'op.alter_column("t", "a", nullable=False)'),
    Pair("nullable-on", "ALTER TABLE t ALTER c DROP NOT NULL;", 'op.alter_column("t", "c", nullable=True)'),
    Pair("default", "ALTER TABLE t ALTER a SET DEFAULT 1;", 'op.alter_column("t", "a", server_default="1")'),
    Pair(
        "default-dropped", "ALTER TABLE t ALTER c DROP DEFAULT;", 'op.alter_column("t", "c", server_default=None)',
        back=False,
    ),
    Pair("column-renamed", "ALTER TABLE t RENAME a TO z;", 'op.alter_column("t", "a", new_column_name="z")'),
    Pair(
        "column-renamed-in-schema", "ALTER TABLE shop.item RENAME COLUMN price TO cost;",
        'op.alter_column("item", "price", new_column_name="cost", schema="shop")',
    ),
    Pair(
        "column-renamed-quoted", 'ALTER TABLE "Order" RENAME "Total" TO "Grand Total";',
        'op.alter_column("Order", "Total", new_column_name="Grand Total")',
    ),
    Pair(
        "column-comment", "COMMENT ON COLUMN t.a IS 'what it''s for';",
        'op.alter_column("t", "a", comment="what it\'s for")',
    ),
    Pair("column", "ALTER TABLE t ADD COLUMN x integer;", 'op.add_column("t", sa.Column("x", sa.Integer()))'),
    Pair(
        "column-not-null-with-default", "ALTER TABLE t ADD x varchar(9) NOT NULL DEFAULT 'new';",
        'op.add_column("t", sa.Column("x", sa.String(9), nullable=False, server_default="new"))',
    ),
    Pair(
        "column-not-null", "ALTER TABLE t ADD x integer NOT NULL;",
        'op.add_column("t", sa.Column("x", sa.Integer(), nullable=False))',
    ),
    Pair(
        "column-by-row", "ALTER TABLE t ADD COLUMN x uuid NOT NULL DEFAULT gen_random_uuid();",
        'op.add_column("t", sa.Column("x", sa.Uuid(), nullable=False, server_default=sa.text("gen_random_uuid()")))',
    ),
    Pair(
        "column-by-row-nullable", "ALTER TABLE t ADD COLUMN x double precision DEFAULT random();",
        'op.add_column("t", sa.Column("x", sa.Double(), server_default=sa.func.random()))',
    ),
    Pair(
        "column-stable-default", "ALTER TABLE t ADD x timestamptz DEFAULT now() NOT NULL;",
        'op.add_column("t", sa.Column("x", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False))',
    ),
    Pair(
        "column-references", "ALTER TABLE t ADD COLUMN x integer REFERENCES u (id);",
        'op.add_column("t", sa.Column("x", sa.Integer(), sa.ForeignKey("u.id")))',
    ),
    Pair(
        "column-unique", "ALTER TABLE t ADD COLUMN x integer UNIQUE;",
        'op.add_column("t", sa.Column("x", sa.Integer(), unique=True))',
    ),
    Pair(
        "column-identity", "ALTER TABLE t ADD x bigint GENERATED ALWAYS AS IDENTITY;",
        'op.add_column("t", sa.Column("x", sa.BigInteger(), sa.Identity(always=True)))',
    ),
    Pair(
        "column-generated", "ALTER TABLE t ADD x integer GENERATED ALWAYS AS (a * 2) STORED;",
        'op.add_column("t", sa.Column("x", sa.Integer(), sa.Computed("a * 2", persisted=True)))',
    ),
    Pair(
        "column-array", "ALTER TABLE t ADD x text[];",
        'op.add_column("t", sa.Column("x", postgresql.ARRAY(sa.Text())))',
    ),
    Pair(
        "column-enum", "ALTER TABLE t ADD x level;",
        'op.add_column("t", sa.Column("x", postgresql.ENUM(name="level", create_type=False)))',
    ),
    Pair(
        "column-in-schema", "ALTER TABLE shop.item ADD COLUMN weight real;",
        'op.add_column("item", sa.Column("weight", sa.REAL()), schema="shop")',
    ),
    Pair(
        "column-quoted", 'ALTER TABLE "Order" ADD "New Column" text;',
        'op.add_column("Order", sa.Column("New Column", sa.Text()))',
    ),
    Pair(
        "columns-in-a-list", "ALTER TABLE t ADD COLUMN x int, ADD COLUMN y int;",
        'with op.batch_alter_table("t") as batch_op:\n    batch_op.add_column(sa.Column("x", sa.Integer()))\n'
        '    batch_op.add_column(sa.Column("y", sa.Integer()))',
    ),
    Pair("column-dropped", "ALTER TABLE t DROP COLUMN b;", 'op.drop_column("t", "b")', back=False),
    Pair(
        "column-dropped-in-schema", "ALTER TABLE shop.item DROP price;",
        'op.drop_column("item", "price", schema="shop")',
        back=False,
    ),
    Pair(
        "type-with-using", "ALTER TABLE t ALTER b TYPE integer USING b::integer;",
        'op.alter_column("t", "b", type_=sa.Integer(), postgresql_using="b::integer")', back=False,
    ),
    Pair(
        "type-widened", "ALTER TABLE t ALTER a TYPE bigint;",
        'op.alter_column("t", "a", existing_type=sa.Integer(), type_=sa.BigInteger())', types=(("t", "a", "integer"),),
    ),
    Pair(
        "type-in-schema", "ALTER TABLE shop.item ALTER COLUMN name SET DATA TYPE text;",
        'op.alter_column("item", "name", type_=sa.Text(), existing_type=sa.String(20), schema="shop")',
        types=(("shop.item", "name", "character varying(20)"),),
    ),
    Pair(
        "type", "ALTER TABLE t ALTER a TYPE bigint;",
        'op.alter_column("t", "a", type_=sa.BigInteger())', back=False,
    ),
)  # fmt: skip
_CONSTRAINTS = (
    Pair(
        "foreign-key", "ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES u (id);",
        'op.create_foreign_key("fk", "t", "u", ["a"], ["id"])',
    ),
    Pair(
        "foreign-key-on-delete",
        "ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES shop.item (id) ON DELETE CASCADE;",
        'op.create_foreign_key("fk", "t", "item", ["a"], ["id"], referent_schema="shop", ondelete="CASCADE")',
    ),
    Pair(
        "foreign-key-unnamed", "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u (id);",
        'op.create_foreign_key(None, "t", "u", ["a"], ["id"])', back=False,
    ),
    Pair(
        "foreign-key-in-schema", "ALTER TABLE shop.item ADD CONSTRAINT fk FOREIGN KEY (price) REFERENCES u (id);",
        'op.create_foreign_key("fk", "item", "u", ["price"], ["id"], source_schema="shop")',
    ),
    Pair(
        "foreign-key-deferrable",
        "ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES u (id) DEFERRABLE INITIALLY DEFERRED;",
        'op.create_foreign_key("fk", "t", "u", ["a"], ["id"], deferrable=True, initially="DEFERRED")',
    ),
    Pair("check", "ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0);", 'op.create_check_constraint("ck", "t", "a > 0")'),
    Pair(
        "check-not-valid", "ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0) NOT VALID;",
        'op.create_check_constraint("ck", "t", "a > 0", postgresql_not_valid=True)',
    ),
    Pair("unique", "ALTER TABLE t ADD CONSTRAINT uq UNIQUE (a);", 'op.create_unique_constraint("uq", "t", ["a"])'),
    Pair(
        "unique-composite", 'ALTER TABLE t ADD CONSTRAINT uq UNIQUE (a, "Mixed Case");',
        'op.create_unique_constraint("uq", "t", ["a", "Mixed Case"])',
    ),
    Pair(
        "unique-unnamed", "ALTER TABLE t ADD UNIQUE (a);", 'op.create_unique_constraint(None, "t", ["a"])', back=False
    ),
    Pair(
        "primary-key", "ALTER TABLE t ADD CONSTRAINT pk PRIMARY KEY (c);",
        'op.create_primary_key("pk", "t", ["c"])',
    ),
    Pair(
        "exclude", "ALTER TABLE t ADD CONSTRAINT ex EXCLUDE USING gist (r WITH &&);",
        'op.create_exclude_constraint("ex", "t", ("r", "&&"), using="gist")',
    ),
    Pair(
        "constraint-dropped", "ALTER TABLE t DROP CONSTRAINT ck_c;", 'op.drop_constraint("ck_c", "t", type_="check")',
        back=False,
    ),
    Pair(
        "unique-dropped", "ALTER TABLE t DROP CONSTRAINT uq_b;", 'op.drop_constraint("uq_b", "t", type_="unique")',
        back=False,
    ),
    Pair(
        "check-validated",
        "ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0) NOT VALID;\nALTER TABLE t VALIDATE CONSTRAINT ck;",
        'op.create_check_constraint("ck", "t", "a > 0", postgresql_not_valid=True)\n'
        'op.execute("ALTER TABLE t VALIDATE CONSTRAINT ck")',
    ),
    _executed("constraint-renamed", "ALTER TABLE t RENAME CONSTRAINT ck_c TO ck_d;"),
)  # fmt: skip
_INDEXES = (
    Pair("index", "CREATE INDEX i ON t (a);", 'op.create_index("i", "t", ["a"])'),
    _executed("index-executed", "CREATE INDEX i ON t (a);"),
    Pair("index-unique", "CREATE UNIQUE INDEX i ON t (a, b);", 'op.create_index("i", "t", ["a", "b"], unique=True)'),
    Pair(
        "index-partial", "CREATE INDEX i ON t (a) WHERE a > 0;",
        'op.create_index("i", "t", ["a"], postgresql_where=sa.text("a > 0"))',
    ),
    Pair("index-expression", "CREATE INDEX i ON t (lower(b));", 'op.create_index("i", "t", [sa.text("lower(b)")])'),
    Pair("index-descending", "CREATE INDEX i ON t (a DESC);", 'op.create_index("i", "t", [sa.text("a DESC")])'),
    Pair(
        "index-method", "CREATE INDEX i ON t USING hash (b);",
        'op.create_index("i", "t", ["b"], postgresql_using="hash")',
    ),
    Pair(
        "index-include", "CREATE INDEX i ON t (a) INCLUDE (b);",
        'op.create_index("i", "t", ["a"], postgresql_include=["b"])',
    ),
    Pair(
        "index-in-schema", "CREATE INDEX i ON shop.item (price);",
        'op.create_index("i", "item", ["price"], schema="shop")',
    ),
    Pair(
        "index-concurrently", "CREATE INDEX CONCURRENTLY i ON t (a);",
        'with op.get_context().autocommit_block():\n'
        '    op.create_index("i", "t", ["a"], postgresql_concurrently=True)',
    ),
    Pair(
        "index-quoted", 'CREATE INDEX "Ix Total" ON "Order" ("Total");',
        'op.create_index("Ix Total", "Order", ["Total"])',
    ),
    _executed("index-only", "CREATE INDEX i ON ONLY t (a);"),
    Pair("index-dropped", "DROP INDEX ix_a;", 'op.drop_index("ix_a", table_name="t")', back=False),
    _executed("index-dropped-executed", "DROP INDEX ix_a;", back=False),
    _executed("index-renamed", "ALTER INDEX ix_a RENAME TO ix_aa;"),
)  # fmt: skip
_TABLES = (
    Pair("table-renamed", "ALTER TABLE old RENAME TO older;", 'op.rename_table("old", "older")'),
    Pair(
        "table-renamed-in-schema", "ALTER TABLE shop.item RENAME TO goods;",
        'op.rename_table("item", "goods", schema="shop")',
    ),
    Pair("table-comment", "COMMENT ON TABLE t IS 'x';", 'op.create_table_comment("t", "x")'),
    Pair("table-dropped", "DROP TABLE old;", 'op.drop_table("old")', back=False),
    Pair(
        "table", "CREATE TABLE n (id serial PRIMARY KEY, name varchar(40) NOT NULL, u_id integer REFERENCES u (id));",
        'op.create_table("n", sa.Column("id", sa.Integer(), primary_key=True), '
        'sa.Column("name", sa.String(40), nullable=False), sa.Column("u_id", sa.Integer(), sa.ForeignKey("u.id")))',
        forms={
            "model": 'class N(Base):\n    __tablename__ = "n"\n    id: Mapped[int] = mapped_column(primary_key=True)\n'
            "    name: Mapped[str] = mapped_column(String(40))\n"
            '    u_id: Mapped[int | None] = mapped_column(ForeignKey("u.id"))',
            "table": "### Table `n`\n\n| Column | Type | Constraints |\n| --- | --- | --- |\n"
            "| id | serial | primary key |\n| name | varchar(40) | not null |\n| u_id | integer | references u(id) |",
        },
    ),
    Pair(
        "table-with-index-and-comment",
        "CREATE TABLE n (id bigint, b text);\nCREATE INDEX i ON n (b);\nCOMMENT ON TABLE n IS 'new';",
        'op.create_table("n", sa.Column("id", sa.BigInteger()), sa.Column("b", sa.Text()))\n'
        'op.create_index("i", "n", ["b"])\nop.create_table_comment("n", "new")',
    ),
    Pair(
        "table-with-composite-key", "CREATE TABLE shop.pair (a int, b int, CONSTRAINT pk_pair PRIMARY KEY (b, a));",
        'op.create_table("pair", sa.Column("a", sa.Integer(), autoincrement=False, nullable=False), '
        'sa.Column("b", sa.Integer(), autoincrement=False, nullable=False), '
        'sa.PrimaryKeyConstraint("b", "a", name="pk_pair"), schema="shop")',
    ),
    Pair(
        "table-with-enum", "CREATE TYPE mood AS ENUM ('good', 'bad');\nCREATE TABLE n (m mood NOT NULL);",
        'op.create_table("n", sa.Column("m", sa.Enum("good", "bad", name="mood"), nullable=False))',
    ),
    Pair(
        "table-with-check", "CREATE TABLE n (a integer, CONSTRAINT ck CHECK (a > 0));",
        'op.create_table("n", sa.Column("a", sa.Integer()), sa.CheckConstraint("a > 0", name="ck"))',
        forms={
            "model": 'class N(Base):\n    __tablename__ = "n"\n'
            '    __table_args__ = (CheckConstraint("a > 0", name="ck"),)\n    a = Column(Integer)',
        },
    ),
    Pair(
        "several",
        "ALTER TABLE t ADD x integer;\nCREATE INDEX i ON t (x);\nALTER TABLE t ADD CONSTRAINT ck CHECK (x > 0);",
        'op.add_column("t", sa.Column("x", sa.Integer()))\nop.create_index("i", "t", ["x"])\n'
        'op.create_check_constraint("ck", "t", "x > 0")',
    ),
)  # fmt: skip
_OBJECTS = (
    _executed("function", "CREATE FUNCTION h(a int, b text DEFAULT 'x') RETURNS int LANGUAGE sql AS 'select 1';"),
    _executed("procedure", "CREATE PROCEDURE h(INOUT a int) LANGUAGE sql AS 'select 1';"),
    _executed("view-replaced", "CREATE OR REPLACE VIEW names AS SELECT name, id FROM u;", back=False),
    _executed("function-renamed", "ALTER FUNCTION f() RENAME TO g;"),
    _executed("view", "CREATE VIEW v AS SELECT 1 AS x;"),
    _executed("view-materialised", "CREATE MATERIALIZED VIEW v AS SELECT 1 AS x;"),
    _executed("view-renamed", 'ALTER VIEW names RENAME TO "Names";'),
    _executed("trigger", "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();"),
    _executed("trigger-disabled", "ALTER TABLE t DISABLE TRIGGER g0;"),
    _executed("trigger-renamed", "ALTER TRIGGER g0 ON t RENAME TO g1;"),
    _executed("row-security", "ALTER TABLE t ENABLE ROW LEVEL SECURITY;"),
    _executed("row-security-forced", "ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"),
    _executed("policy", "CREATE POLICY p ON t USING (a > 0);"),
    _executed("rule", "CREATE RULE ru AS ON INSERT TO old DO ALSO NOTHING;"),
    _executed("publication", "CREATE PUBLICATION p FOR TABLE t;"),
    _executed("enum", "CREATE TYPE mood AS ENUM ('good', 'bad');"),
    Pair(
        "enum-by-its-method", "CREATE TYPE mood AS ENUM ('good', 'bad');\nCREATE TABLE n (m mood);",
        'mood = postgresql.ENUM("good", "bad", name="mood")\nmood.create(op.get_bind())\n'
        'op.create_table("n", sa.Column("m", postgresql.ENUM(name="mood", create_type=False)))',
    ),
    _executed("enum-value-renamed", "ALTER TYPE level RENAME VALUE 'low' TO 'lower';"),
    _executed("composite-type", 'CREATE TYPE shop."Pair" AS (a int, b int);'),
    _executed("domain", "CREATE DOMAIN positive AS integer CHECK (VALUE > 0);"),
    _executed("sequence", "CREATE SEQUENCE shop.s;"),
    _executed("schema", "CREATE SCHEMA other;"),
    _executed("statistics", "CREATE STATISTICS st ON a, b FROM t;"),
    _executed("partition", "ALTER TABLE measure ATTACH PARTITION measure_26 DEFAULT;"),
    _executed("actions-in-a-list", "ALTER TABLE t ALTER c DROP DEFAULT, ALTER id SET NOT NULL;", back=False),
    _executed("only-not-null", "ALTER TABLE ONLY t ALTER COLUMN a SET NOT NULL;"),
    _executed("comment-on-view", "COMMENT ON VIEW names IS 'their names';"),
    _executed("granted", "GRANT SELECT, INSERT ON t TO PUBLIC;"),
    Pair(
        "rows-of-a-new-table",
        "CREATE TABLE n (a integer);\nINSERT INTO n VALUES (1);",
        'op.create_table("n", sa.Column("a", sa.Integer()))\nop.execute("INSERT INTO n VALUES (1)")',
    ),
    Pair(
        "rows-of-a-table-in-use",
        "ALTER TABLE t ADD x integer;\nUPDATE t SET a = 1;",
        'op.add_column("t", sa.Column("x", sa.Integer()))\nop.execute("UPDATE t SET a = 1")',
        back=False,
    ),
)  # fmt: skip
PAIRS = (*_COLUMNS, *_CONSTRAINTS, *_INDEXES, *_TABLES, *_OBJECTS)
