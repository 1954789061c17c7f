"""The catalog queries of a snapshot: one for each kind of object, over all schemas of the project at once.

Each returns ``kind``, ``parts`` (the names that make the key) and attributes as PostgreSQL prints them, NULL where an
attribute has its default; a row for an object that an earlier query had adds to it. They run with search_path =
pg_catalog, so every name they print is qualified. They use nothing that PostgreSQL 13 lacks or 18 has dropped; the
tests run them on 15 and 18.
"""

from __future__ import annotations

# As pg_dump does before it prints expressions: constants depend on these. jit = off because compiling one of these
# queries takes longer than running it; the statement timeout replaces whatever the role or the server have.
SETTINGS = {
    "search_path": "pg_catalog",
    "client_encoding": "UTF8",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "quote_all_identifiers": "off",
    "jit": "off",
    "work_mem": "64MB",
    "statement_timeout": "60000",
}

_SCHEMA = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"


def _own(alias: str, catalog: str) -> str:
    """Not a member of an extension."""
    return (
        f"NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = '{catalog}'::regclass AND x.objid = {alias}.oid"
        " AND x.deptype = 'e')"
    )


def _comment(alias: str, catalog: str, part: str = "0") -> str:
    on = f"m.objoid = {alias} AND m.classoid = '{catalog}'::regclass AND m.objsubid = {part}"
    return f"LEFT JOIN pg_description m ON {on}"


def _part_comments(relation: str) -> str:
    """The comments on the columns of a view or the fields of a type."""
    return (
        "(SELECT array_agg(quote_ident(z.attname) || ' ' || y.description ORDER BY z.attnum) FROM pg_description y"
        " JOIN pg_attribute z ON z.attrelid = y.objoid AND z.attnum = y.objsubid"
        f" WHERE y.objoid = {relation} AND y.classoid = 'pg_class'::regclass AND y.objsubid > 0)"
    )


_SCHEMAS = f"""
SELECT 'schema' AS kind, ARRAY[n.nspname]::text[] AS parts, m.description AS comment
FROM pg_namespace n {_comment("n.oid", "pg_namespace")}
WHERE {_SCHEMA} AND (n.nspname <> 'public' OR m.description <> 'standard public schema') AND {_own("n", "pg_namespace")}
"""

_TABLES = f"""
SELECT 'table' AS kind, ARRAY[n.nspname, c.relname]::text[] AS parts,
  CASE c.relkind WHEN 'p' THEN 'partitioned' WHEN 'f' THEN 'foreign' END AS form,
  CASE c.relpersistence WHEN 'u' THEN 'unlogged' END AS persistence,
  CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END AS partition_key,
  pg_get_expr(c.relpartbound, c.oid) AS partition_bound,
  i.parents AS inherits,
  NULLIF(c.relrowsecurity, false) AS row_security,
  NULLIF(c.relforcerowsecurity, false) AS force_row_security,
  CASE c.relreplident WHEN 'n' THEN 'nothing' WHEN 'f' THEN 'full' WHEN 'i' THEN 'index' END AS replica_identity,
  NULLIF(am.amname::text, 'heap') AS access_method,
  CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END AS of_type,
  CASE WHEN tc.oid IS NULL THEN c.reloptions
    ELSE c.reloptions || ARRAY(SELECT 'toast.' || o FROM unnest(tc.reloptions) o) END AS options,
  fs.srvname::text AS server, f.ftoptions AS server_options,
  m.description AS comment
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_am am ON am.oid = c.relam
LEFT JOIN pg_class tc ON tc.oid = c.reltoastrelid AND tc.reloptions IS NOT NULL
LEFT JOIN pg_foreign_table f ON f.ftrelid = c.oid LEFT JOIN pg_foreign_server fs ON fs.oid = f.ftserver
LEFT JOIN (SELECT h.inhrelid, array_agg(h.inhparent::regclass::text ORDER BY h.inhseqno) AS parents
           FROM pg_inherits h GROUP BY 1) i ON i.inhrelid = c.oid
{_comment("c.oid", "pg_class")}
WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND {_SCHEMA} AND {_own("c", "pg_class")}
"""

# What few columns have is one attribute of attributes, NULL for the others: each as a column of its own costs every
# row. PostgreSQL 13 has no attcompression: the name is looked for in the table first and then beside it.
_COLUMNS = f"""
SELECT 'column' AS kind, ARRAY[n.nspname, c.relname, a.attname]::text[] AS parts,
  (row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum))::int AS position,
  format_type(a.atttypid, a.atttypmod) AS type,
  NULLIF(a.attnotnull, false) AS not_null,
  CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END AS "default",
  CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END AS identity,
  CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END AS generated,
  CASE a.attgenerated WHEN 's' THEN 'stored' WHEN 'v' THEN 'virtual' END AS generation,
  m.description AS comment,
  CASE WHEN a.attcollation <> t.typcollation OR a.attstorage <> t.typstorage OR NOT a.attislocal OR a.attstattarget >= 0
            OR a.compression <> '' OR a.attoptions IS NOT NULL OR a.attfdwoptions IS NOT NULL
       THEN json_strip_nulls(json_build_object(
         'collation', CASE WHEN a.attcollation <> t.typcollation THEN
           (SELECT quote_ident(k.nspname) || '.' || quote_ident(o.collname)
            FROM pg_collation o JOIN pg_namespace k ON k.oid = o.collnamespace WHERE o.oid = a.attcollation) END,
         'storage', CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage::text END,
         'inherited', NULLIF(NOT a.attislocal, false),
         'statistics', NULLIF(a.attstattarget, -1)::int,
         'compression', CASE a.compression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END,
         'options', a.attoptions,
         'server_options', a.attfdwoptions)) END AS _more
FROM (SELECT ''::"char" AS attcompression) before_14
CROSS JOIN LATERAL (SELECT *, attcompression AS compression FROM pg_attribute) a
JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
{_comment("a.attrelid", "pg_class", "a.attnum")}
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'
  AND {_SCHEMA} AND {_own("c", "pg_class")}
"""

# PostgreSQL 18 keeps a constraint for each NOT NULL column; the attribute not_null says that already, and
# snapshot.py drops those with an automatic name. A foreign key of a
# partition comes and goes with its parent's.
_CONSTRAINTS = f"""
SELECT 'constraint' AS kind, ARRAY[n.nspname, c.relname, x.conname]::text[] AS parts,
  CASE WHEN x.contype = 'n' AND x.convalidated AND NOT x.connoinherit THEN 'NOT NULL ' || quote_ident(a.attname)
       ELSE pg_get_constraintdef(x.oid) END AS definition,
  NULLIF(x.coninhcount > 0 AND NOT x.conislocal, false) AS inherited,
  m.description AS comment,
  a.attname::text AS _not_null
FROM pg_constraint x JOIN pg_class c ON c.oid = x.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (SELECT a.attname FROM pg_attribute a
                   WHERE x.contype = 'n' AND a.attrelid = c.oid AND a.attnum = x.conkey[1] OFFSET 0) a ON true
{_comment("x.oid", "pg_constraint")}
WHERE x.contype IN ('c', 'p', 'u', 'x', 'f', 'n')
  AND NOT (x.contype = 'n' AND x.convalidated AND NOT x.connoinherit AND m.description IS NULL
           AND x.conname = c.relname || '_' || a.attname || '_not_null')
  AND NOT (x.contype = 'f' AND x.conparentid <> 0)
  AND c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND {_SCHEMA} AND {_own("c", "pg_class")}
"""

# A foreign key whose own triggers are disabled, on its table or on the parent, is there and enforces nothing.
_ENFORCEMENT = f"""
SELECT 'constraint' AS kind, ARRAY[n.nspname, c.relname, x.conname]::text[] AS parts,
  'off on ' || string_agg(DISTINCT quote_ident(tn.nspname) || '.' || quote_ident(t.relname), ', ') AS enforcement
FROM pg_trigger g JOIN pg_constraint x ON x.oid = g.tgconstraint AND x.contype = 'f' AND x.conparentid = 0
JOIN pg_class c ON c.oid = x.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class t ON t.oid = g.tgrelid JOIN pg_namespace tn ON tn.oid = t.relnamespace
WHERE g.tgisinternal AND g.tgenabled IN ('D', 'R')
  AND c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND {_SCHEMA} AND {_own("c", "pg_class")}
GROUP BY n.nspname, c.relname, x.conname
"""

# Also what is not as usual of the index behind a constraint: that is added to the constraint.
_INDEXES = f"""
SELECT CASE WHEN x.oid IS NULL THEN 'index' ELSE 'constraint' END AS kind,
  CASE WHEN x.oid IS NULL THEN ARRAY[n.nspname, c.relname] ELSE ARRAY[tn.nspname, t.relname, x.conname] END::text[]
    AS parts,
  CASE WHEN x.oid IS NULL THEN quote_ident(tn.nspname) || '.' || quote_ident(t.relname) END AS "table",
  CASE WHEN x.oid IS NULL THEN pg_get_indexdef(c.oid) END AS definition,
  CASE WHEN NOT i.indisvalid THEN false END AS valid,
  CASE WHEN x.oid IS NOT NULL THEN c.reloptions END AS options,
  m.description AS comment
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace tn ON tn.oid = t.relnamespace
LEFT JOIN pg_constraint x ON x.conindid = c.oid AND x.conrelid = t.oid AND x.contype IN ('p', 'u', 'x')
LEFT JOIN pg_description m
  ON m.objoid = c.oid AND m.classoid = 'pg_class'::regclass AND m.objsubid = 0 AND x.oid IS NULL
WHERE (x.oid IS NULL OR NOT i.indisvalid OR c.reloptions IS NOT NULL)
  AND c.relpersistence <> 't' AND {_SCHEMA} AND {_own("t", "pg_class")}
"""

_SEQUENCES = f"""
SELECT 'sequence' AS kind, ARRAY[n.nspname, c.relname]::text[] AS parts,
  format_type(s.seqtypid, NULL) AS type, s.seqstart AS start, s.seqincrement AS increment, s.seqmin AS minimum,
  s.seqmax AS maximum, s.seqcache AS cache, s.seqcycle AS cycle,
  CASE c.relpersistence WHEN 'u' THEN 'unlogged' END AS persistence,
  m.description AS comment,
  CASE WHEN t.oid IS NOT NULL THEN ARRAY[tn.nspname, t.relname, a.attname]::text[] END AS _owner,
  format('nextval(%L::regclass)', quote_ident(n.nspname) || '.' || quote_ident(c.relname)) AS _call
FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0
  AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
LEFT JOIN pg_class t ON t.oid = d.refobjid LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
{_comment("c.oid", "pg_class")}
WHERE c.relpersistence <> 't' AND {_SCHEMA} AND {_own("c", "pg_class")}
"""

_VIEWS = f"""
SELECT 'view' AS kind, ARRAY[n.nspname, c.relname]::text[] AS parts,
  CASE WHEN c.relkind = 'm' THEN true END AS materialized,
  pg_get_viewdef(c.oid) AS definition, c.reloptions AS options,
  (SELECT array_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum)
   FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0) AS columns,
  (SELECT array_agg(quote_ident(a.attname) || ' ' || pg_get_expr(d.adbin, d.adrelid) ORDER BY a.attnum)
   FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
   WHERE d.adrelid = c.oid) AS column_defaults,
  {_part_comments("c.oid")} AS column_comments,
  m.description AS comment
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace {_comment("c.oid", "pg_class")}
WHERE c.relkind IN ('v', 'm') AND c.relpersistence <> 't' AND {_SCHEMA} AND {_own("c", "pg_class")}
"""

_ENUMS = f"""
SELECT 'enum' AS kind, ARRAY[n.nspname, t.typname]::text[] AS parts,
  (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid) AS labels,
  m.description AS comment
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace {_comment("t.oid", "pg_type")}
WHERE t.typtype = 'e' AND {_SCHEMA} AND {_own("t", "pg_type")}
"""

_DOMAINS = f"""
SELECT 'domain' AS kind, ARRAY[n.nspname, t.typname]::text[] AS parts,
  format_type(t.typbasetype, t.typtypmod) AS type, NULLIF(t.typnotnull, false) AS not_null, t.typdefault AS "default",
  (SELECT array_agg(x.conname || ' ' || pg_get_constraintdef(x.oid) ORDER BY x.conname)
   FROM pg_constraint x WHERE x.contypid = t.oid AND x.contype = 'c') AS constraints,
  (SELECT array_agg(quote_ident(x.conname) || ' ' || y.description ORDER BY x.conname)
   FROM pg_constraint x JOIN pg_description y ON y.objoid = x.oid AND y.classoid = 'pg_constraint'::regclass
   WHERE x.contypid = t.oid) AS constraint_comments,
  CASE WHEN t.typcollation <> b.typcollation THEN t.typcollation::regcollation::text END AS "collation",
  m.description AS comment
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace JOIN pg_type b ON b.oid = t.typbasetype
{_comment("t.oid", "pg_type")}
WHERE t.typtype = 'd' AND {_SCHEMA} AND {_own("t", "pg_type")}
"""

_TYPES = f"""
SELECT 'type' AS kind, ARRAY[n.nspname, t.typname]::text[] AS parts,
  CASE WHEN t.typtype = 'c' THEN
    (SELECT array_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
                      || CASE WHEN a.attcollation <> b.typcollation
                              THEN ' COLLATE ' || a.attcollation::regcollation::text ELSE '' END ORDER BY a.attnum)
     FROM pg_attribute a JOIN pg_type b ON b.oid = a.atttypid
     WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) END AS fields,
  {_part_comments("t.typrelid")} AS field_comments,
  CASE WHEN t.typtype = 'r' THEN format_type(r.rngsubtype, NULL) END AS range_of,
  CASE WHEN t.typtype = 'r' THEN NULLIF(array_remove(ARRAY[
    CASE WHEN NOT rc.opcdefault THEN 'subtype_opclass ' || rc.opcname END,
    CASE WHEN r.rngcollation <> rb.typcollation THEN 'collation ' || r.rngcollation::regcollation::text END,
    CASE WHEN r.rngcanonical <> 0 THEN 'canonical ' || r.rngcanonical::regprocedure::text END,
    CASE WHEN r.rngsubdiff <> 0 THEN 'subtype_diff ' || r.rngsubdiff::regprocedure::text END],
    NULL), '{{}}') END AS range_options,
  m.description AS comment
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_class c ON c.oid = t.typrelid LEFT JOIN pg_range r ON r.rngtypid = t.oid
LEFT JOIN pg_opclass rc ON rc.oid = r.rngsubopc LEFT JOIN pg_type rb ON rb.oid = r.rngsubtype
{_comment("t.oid", "pg_type")}
WHERE (t.typtype = 'r' OR (t.typtype = 'c' AND c.relkind = 'c')) AND {_SCHEMA} AND {_own("t", "pg_type")}
"""

_FUNCTIONS = f"""
SELECT CASE p.prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'procedure' ELSE 'function' END AS kind,
  ARRAY[n.nspname, p.proname]::text[] AS parts,
  '(' || oidvectortypes(p.proargtypes) || ')' AS _suffix,
  CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) ELSE
    format('%s SFUNC %s STYPE %s FINALFUNC %s INITCOND %L', pg_get_function_result(p.oid), g.aggtransfn,
           format_type(g.aggtranstype, NULL), g.aggfinalfn, g.agginitval) ||
    format(' COMBINEFUNC %s SERIALFUNC %s DESERIALFUNC %s MSFUNC %s MINVFUNC %s MSTYPE %s MFINALFUNC %s MINITCOND %L'
           ' KIND %s MODIFY %s SORTOP %s PARALLEL %s', g.aggcombinefn, g.aggserialfn, g.aggdeserialfn, g.aggmtransfn,
           g.aggminvtransfn, g.aggmtranstype::regtype, g.aggmfinalfn, g.aggminitval, g.aggkind, g.aggfinalmodify,
           g.aggsortop::regoper, p.proparallel) END AS definition,
  m.description AS comment
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace LEFT JOIN pg_aggregate g ON g.aggfnoid = p.oid
{_comment("p.oid", "pg_proc")}
WHERE {_SCHEMA} AND {_own("p", "pg_proc")}
  AND NOT EXISTS (SELECT FROM pg_depend y WHERE y.classid = 'pg_proc'::regclass AND y.objid = p.oid AND y.deptype = 'i')
"""

_TRIGGERS = f"""
SELECT 'trigger' AS kind, ARRAY[n.nspname, c.relname, t.tgname]::text[] AS parts,
  pg_get_triggerdef(t.oid) AS definition,
  CASE t.tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END AS enabled,
  m.description AS comment
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
{_comment("t.oid", "pg_trigger")}
WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND c.relpersistence <> 't' AND {_SCHEMA} AND {_own("c", "pg_class")}
"""

_POLICIES = f"""
SELECT 'policy' AS kind, ARRAY[n.nspname, c.relname, p.polname]::text[] AS parts,
  CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' WHEN 'd' THEN 'delete'
    ELSE 'all' END AS command,
  CASE WHEN NOT p.polpermissive THEN true END AS restrictive,
  (SELECT array_agg(CASE WHEN r = 0 THEN 'public' ELSE pg_get_userbyid(r)::text END ORDER BY r)
   FROM unnest(p.polroles) r) AS roles,
  pg_get_expr(p.polqual, p.polrelid) AS "using", pg_get_expr(p.polwithcheck, p.polrelid) AS with_check,
  m.description AS comment
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
{_comment("p.oid", "pg_policy")}
WHERE {_SCHEMA} AND {_own("c", "pg_class")}
"""

_RULES = f"""
SELECT 'rule' AS kind, ARRAY[n.nspname, c.relname, r.rulename]::text[] AS parts, pg_get_ruledef(r.oid) AS definition,
  CASE r.ev_enabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END AS enabled,
  m.description AS comment
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
{_comment("r.oid", "pg_rewrite")}
WHERE r.rulename <> '_RETURN' AND {_SCHEMA} AND {_own("c", "pg_class")}
"""

_STATISTICS = f"""
SELECT 'statistics' AS kind, ARRAY[n.nspname, s.stxname]::text[] AS parts,
  pg_get_statisticsobjdef(s.oid) AS definition, NULLIF(s.stxstattarget, -1)::int AS target, m.description AS comment
FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace {_comment("s.oid", "pg_statistic_ext")}
WHERE {_SCHEMA}
"""

# Without the version: a dump installs the server's default one, so two servers differ in it for no reason of ours.
_EXTENSIONS = """
SELECT 'extension' AS kind, ARRAY[e.extname]::text[] AS parts, n.nspname::text AS schema
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
"""

QUERIES = (
    _SCHEMAS,
    _TABLES,
    _COLUMNS,
    _CONSTRAINTS,
    _ENFORCEMENT,
    _INDEXES,
    _SEQUENCES,
    _VIEWS,
    _ENUMS,
    _DOMAINS,
    _TYPES,
    _FUNCTIONS,
    _TRIGGERS,
    _POLICIES,
    _RULES,
    _STATISTICS,
    _EXTENSIONS,
)

# Whoever holds a lock that conflicts with reading a definition, tables of indexes included; PostgreSQL's own tables
# (VACUUM FULL of one) last. A prepared transaction has no backend.
HOLDER = """
SELECT n.nspname, c.relname, COALESCE(l.pid, 0)
FROM pg_locks l LEFT JOIN pg_index i ON i.indexrelid = l.relation
JOIN pg_class c ON c.oid = COALESCE(i.indrelid, l.relation) JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.granted
  AND l.pid IS DISTINCT FROM pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND c.relpersistence <> 't' AND c.relkind <> 't' ORDER BY n.nspname ~ '^pg_', n.nspname, c.relname LIMIT 1
"""
