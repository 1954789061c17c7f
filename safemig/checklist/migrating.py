"""Which open items ask for a migration: a run that changes nothing must not pass over them."""

from __future__ import annotations

from collections.abc import Sequence

# "migration" as the languages of specs write it: in Latin letters, Cyrillic, Chinese, Japanese and Korean.
_STEMS = ("migra", "миграц", "迁移", "遷移", "マイグレーション", "마이그레이션", "alembic")


def asks_migration(texts: Sequence[str]) -> tuple[str, ...]:
    """Those of the items' texts that ask for a migration."""
    return tuple(text for text in texts if any(stem in text.casefold() for stem in _STEMS))
