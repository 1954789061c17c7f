"""What a value of the evaluator is, in the terms of SQLAlchemy and Alembic."""

from __future__ import annotations

from typing import Any

# Types that hold or make Python objects of their own are no words of a schema.
_NO_TYPES = frozenset({"PickleType", "TypeDecorator", "TypeEngine", "UserDefinedType", "ExternalType"})


def is_type(value: Any, name: str) -> bool:
    """Whether it is a type of columns that the evaluator lets through, by that name."""
    from sqlalchemy.types import TypeEngine

    return isinstance(value, type) and issubclass(value, TypeEngine) and name not in _NO_TYPES


def is_batch(value: Any) -> bool:
    """Whether it is a batch of Alembic's."""
    from alembic.operations import BatchOperations

    return isinstance(value, BatchOperations)


def is_function_namespace(value: Any) -> bool:
    """Whether it is sa.func, or a schema of functions in it."""
    from sqlalchemy import func

    # func.a.b is a function in a schema; both are of the generator's own class.
    return type(value) is type(func)


def is_schema_value(value: Any) -> bool:
    """Whether it is a type or an expression of SQLAlchemy's."""
    from sqlalchemy.sql.expression import ClauseElement
    from sqlalchemy.types import TypeEngine

    return isinstance(value, ClauseElement | TypeEngine)


def is_enum(value: Any) -> bool:
    """Whether it is an enum type."""
    from sqlalchemy import Enum

    return isinstance(value, Enum)
