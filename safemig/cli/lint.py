"""`safemig lint`: what revision files may lose or have to be asked about, and what squawk says of their SQL; read
without a database."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from checks.evidence import Json
from safemig.base.files import content
from safemig.base.redaction import redact
from safemig.cli.opening import hide_secrets_around
from safemig.cli.printing import json_out, out
from safemig.migrations.hazards import Risk, risks_of
from safemig.reports.terminal import printable

MAX_BYTES = 1_000_000


def main(options: argparse.Namespace) -> int:
    """0; 2 where a file cannot be read, which counts as a loss in what is printed."""
    if (folder := Path(options.project).resolve()).is_dir():
        hide_secrets_around(folder)
    texts, refused = dict[str, str](), dict[str, tuple[Risk, ...]]()
    for name in dict.fromkeys(options.files):
        try:
            texts[name] = _text(Path(options.project, name))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            refused[name] = (Risk(1, f"cannot be read: {reason}", kind="unknown"),)
    found = refused | dict(zip(texts, risks_of(list(texts.values())), strict=True))
    linted = {} if options.risk else {name: _linted(name, text) for name, text in texts.items()}
    for name in dict.fromkeys(options.files):
        if options.json:
            json_out(_document(name, found[name], linted.get(name)))
        else:
            out(_lines(name, found[name]))
            out("".join(_linted_lines(name, linted[name])) if name in linted else "")
    return 2 if refused else 0


def _text(path: Path) -> str:
    """The text of a regular file; a pipe or a device is never waited for."""
    try:
        return content(path, MAX_BYTES).decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not in UTF-8 (byte {error.start})") from None


def _linted(name: str, text: str) -> dict[str, Json]:
    """What squawk says of the statements of the upgrade, and why it says nothing where it does not."""
    from safemig.sandbox.drift import NotEvaluated, upgrade_in
    from safemig.sandbox.worker import rendered
    from safemig.sql.squawk import NoSquawk, remarks
    from safemig.sql.text import statements

    try:
        step = upgrade_in(text, name)
        (sql,) = rendered([step]) if step else (None,)
        if sql is not None and sql.unread:
            return {"squawk": [], "unread": redact(sql.unread)}
        texts = [statement.text for statement in statements(sql.sql)] if sql else []
        said = remarks(texts)
    except (NotEvaluated, NoSquawk) as error:
        return {"squawk": [], "unread": redact(str(error))}
    rows: list[Json] = [
        {
            "rule": one.rule,
            "what": one.text,
            "help": one.help,
            "statement": redact(" ".join(texts[one.statement].split())),
        }
        for one in said
    ]
    return {"squawk": rows, "unread": ""}


def _linted_lines(name: str, linted: dict[str, Json]) -> Iterator[str]:
    rows = linted["squawk"]
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict):
            yield (
                printable(f"{name}: squawk {row['rule']}: {row['what']} {row['help']} ({str(row['statement'])[:80]})")
                + "\n"
            )
    if linted["unread"]:
        yield printable(f"{name}: squawk was not asked: {linted['unread']}") + "\n"


def _document(name: str, found: tuple[Risk, ...], linted: dict[str, Json] | None) -> dict[str, Json]:
    rows: list[Json] = [{"line": risk.line, "kind": risk.kind, "what": redact(risk.what)} for risk in found]
    return {"file": name, "loses": any(risk.loses for risk in found), "risks": rows, **(linted or {})}


def _lines(name: str, found: tuple[Risk, ...]) -> str:
    shown = printable(name)
    if not found:
        return f"{shown}: nothing is known to be lost or to need a question\n"
    return "".join(f"{shown}:{risk.line}: {risk.kind}: {printable(redact(risk.what))}\n" for risk in found)
