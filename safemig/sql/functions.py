"""Functions of PostgreSQL that change no row: calling any other may do anything."""

from __future__ import annotations

# A function of the same name that a project puts before pg_catalog in its search_path is not told apart.
HARMLESS = frozenset({
    "count", "date", "max", "min", "sum", "avg", "coalesce", "nullif", "greatest", "least", "now",
    "nextval", "currval", "lastval", "pg_sleep", "pg_advisory_lock", "pg_advisory_unlock", "pg_advisory_xact_lock",
    "pg_try_advisory_lock", "pg_try_advisory_xact_lock", "current_setting", "to_regclass", "to_regtype",
    "to_regnamespace", "to_regproc", "pg_get_serial_sequence", "pg_get_constraintdef", "pg_get_indexdef",
    "pg_get_viewdef", "pg_get_functiondef", "format_type", "pg_total_relation_size", "pg_relation_size",
    "pg_size_pretty", "has_table_privilege", "has_schema_privilege", "pg_table_is_visible", "obj_description",
    "col_description", "current_schema", "current_schemas", "current_database", "version", "txid_current",
    "pg_current_xact_id", "pg_backend_pid", "pg_is_in_recovery", "pg_typeof", "lower", "upper", "initcap", "trim",
    "btrim", "ltrim", "rtrim", "length", "char_length", "octet_length", "left", "right", "lpad", "rpad", "repeat",
    "reverse", "substring", "substr", "strpos", "overlay", "replace", "translate", "regexp_replace", "regexp_match",
    "regexp_matches", "regexp_split_to_array", "regexp_split_to_table", "split_part", "position", "concat",
    "concat_ws", "format", "quote_ident", "quote_literal", "quote_nullable", "chr", "ascii", "md5", "sha256",
    "encode", "decode", "digest", "to_hex", "hashtext", "hashtextextended", "abs", "round", "floor", "ceil",
    "ceiling", "trunc", "mod", "power", "sqrt", "sign", "exp", "ln", "log", "random", "date_trunc", "date_part",
    "date_bin", "extract", "age", "to_char", "to_date", "to_timestamp", "to_number", "make_date", "make_time",
    "make_timestamp", "make_timestamptz", "make_interval", "justify_days", "justify_hours", "clock_timestamp",
    "statement_timestamp", "transaction_timestamp", "timeofday", "timezone", "row_number", "rank", "dense_rank",
    "percent_rank", "ntile", "lag", "lead", "first_value", "last_value", "nth_value", "string_agg", "array_agg",
    "json_agg", "jsonb_agg", "array_length", "array_upper", "array_lower", "cardinality", "array_append",
    "array_prepend", "array_cat", "array_remove", "array_replace", "array_position", "array_to_string",
    "string_to_array", "array_to_json", "unnest", "generate_series", "generate_subscripts", "json_build_object",
    "jsonb_build_object", "json_build_array", "jsonb_build_array", "to_json", "to_jsonb", "row_to_json",
    "jsonb_set", "jsonb_insert", "jsonb_array_elements", "jsonb_array_elements_text", "json_array_elements",
    "json_array_elements_text", "jsonb_array_length", "json_array_length", "jsonb_each", "jsonb_each_text",
    "json_each", "json_each_text", "jsonb_object_keys", "json_object_keys", "jsonb_typeof", "json_typeof",
    "jsonb_strip_nulls", "jsonb_extract_path", "jsonb_extract_path_text", "json_extract_path_text",
    "jsonb_path_query", "jsonb_path_exists", "jsonb_pretty", "json_object_agg", "jsonb_object_agg",
    "jsonb_to_record", "jsonb_to_recordset", "gen_random_uuid", "gen_random_bytes", "uuid_generate_v1",
    "uuid_generate_v4", "uuidv7", "to_tsvector", "to_tsquery", "plainto_tsquery", "websearch_to_tsquery",
    "phraseto_tsquery", "setweight", "ts_rank", "similarity", "bool_and", "bool_or", "every", "any_value",
    "percentile_cont", "percentile_disc", "mode", "stddev", "variance", "bit_and", "bit_or", "int4range",
    "int8range", "numrange", "daterange", "tsrange", "tstzrange", "isempty", "num_nonnulls", "num_nulls", "host",
    "row", "xmlelement", "point", "convert_to", "convert_from", "sha224", "sha384", "sha512", "width_bucket",
    "array_fill", "jsonb_path_query_array", "jsonb_path_query_first", "unaccent", "string_to_table", "regexp_count",
    "regexp_substr", "starts_with", "div", "cbrt", "pi", "array_positions", "array_ndims", "pg_column_size",
})  # fmt: skip

# Not among them: changes of a sequence are judged by what it is set to.
SETS_SEQUENCE = "setval"


def is_harmless(name: tuple[str, ...]) -> bool:
    """Whether the name, as written and folded by PostgreSQL, is a function that changes no row."""
    return bare(name) in HARMLESS


def bare(name: tuple[str, ...]) -> str:
    """The function's own name where it stands alone or in PostgreSQL's catalog; "" in any other schema."""
    own = name[1:] if name[:1] == ("pg_catalog",) else name
    return own[0] if len(own) == 1 else ""
