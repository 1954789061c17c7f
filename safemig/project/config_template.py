"""The safemig.yaml that `safemig init` writes: what was found, and every other key as a comment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from safemig.project.config_schema import ROLES, TIMEOUTS

if TYPE_CHECKING:
    from safemig.project.layout import Project

_HEAD = """\
# What safemig knows of this project. Every line is optional: what is left out is found out.
# A line that begins with "#" shows a key, with its default or an example.
"""
_ENDPOINTS = """
# What to ask of the running service; without it: /, the health endpoint and the GET routes of /openapi.json.
#endpoints:
#  - /health
#  - path: /items
#    status: 200
#    media: application/json
#    json: []               # what the answer must contain
#    headers: {Authorization: env:API_TOKEN}
#    seconds: 5
#  - name: items add up     # exit code 0 is good
#    script: scripts/check_items.py
#  - name: one line
#    python: "import sys; sys.exit(0)"
"""
_MIGRATION = """
# gentle: indexes, constraints and NOT NULL on tables in use are written so that others wait least.
# autocommit: whether a CREATE INDEX CONCURRENTLY works in a revision (env.py tells it where its lines do).
# rehearse: where env.py does more than usual, a new revision runs through it on a throwaway server first.
# uncompared: a revision of which nothing tells beforehand what it makes of the schema: ask, or accept it.
#migration:
#  gentle: true
#  autocommit: true
#  rehearse: true
#  uncompared: ask
"""
_PROTECTION = """
# Seconds: how long a session may wait behind a change that itself waits for a lock before the change gives way, and
# for how long it is tried again. over_budget: a longer wait is told (warn), or fails the run (fail).
#protection:
#  victim_budget: 0.1
#  deadline: 60
#  over_budget: warn
# From which size on (bytes with indexes, or rows) a person is asked before a change makes others wait for a table.
#  large_bytes: 100000000
#  large_rows: 1000000
# For how many seconds to wait, before anything is changed, until no long transaction or backup holds its tables.
#  quiet_window: 0
"""
_TICKS = """
# proposed: tick unasked (in auto mode) also what has evidence, but says more than was proved.
# words: more plain words that may stand around the code of an item that is ticked by itself.
#ticks:
#  proposed: false
#  words: [Tabelle, anlegen]
"""
_VOCABULARY = """
# Words of your language in specs, beside those that are known: headers of tables of columns, headings, labels, cells.
# Their names are those of safemig's vocabulary.toml.
#vocabulary:
#  header: {column: [Kolonne], constraints: [Regler]}
#  table: {table: [Tabel], added: [tilføjes]}
"""
_TESTS = """
# red_baseline: tests that are red before the change are asked about in every mode (ask), or gone over (accept).
#tests:
#  red_baseline: ask
"""
_PERMISSIONS = """
# Rules on command lines and edits: deny comes before ask, ask before allow, in every mode.
#permissions:
#  allow: ["make test"]
#  ask: ["docker compose *"]
#  deny: ["make clean"]
"""


def template(project: Project) -> str:
    """The commented file for ``project``; it holds no secret, no absolute path, and reads back without an error."""
    parts = [_HEAD, _where(project), _how(project), _commands(project), _database(project), _service(project)]
    parts += [_ENDPOINTS, _timeouts(), _TESTS, _PERMISSIONS, _specs(project)]
    return "".join(parts)


def _scalar(text: str) -> str:
    """``text`` as a YAML scalar: JSON's quoting wherever plain text could be read as something else."""
    plain = bool(text) and all(c.isalnum() or c in "_-./" for c in text) and text[0].isalpha()
    reserved = text.lower() in ("yes", "no", "on", "off", "true", "false", "null", "y", "n")
    return text if plain and not reserved else json.dumps(text)


def _line(key: str, value: str, example: str, indent: str = "") -> str:
    return f"{indent}{key}: {_scalar(value)}\n" if value else f"#{indent}{key}: {example}\n"


def _where(project: Project) -> str:
    makefile = _relative(project, "makefile")
    alembic = _relative(project, "alembic")
    compose = ", ".join(
        _scalar(path.relative_to(project.root).as_posix())
        for path in (project.compose.files if project.compose else ())
        if path.is_relative_to(project.root)
    )
    body = _line("makefile", makefile, "backend/Makefile", "  ")
    body += f"  compose: [{compose}]\n" if compose else "#  compose: [backend/docker-compose.yml]\n"
    body += _line("alembic", alembic, "backend/alembic.ini", "  ")
    body += "#  folder: services/api   # the project lies there, below this file\n"
    body += "#  copy: .safemig/copy    # run works on a copy of folder there\n"
    opened = any(not line.startswith("#") for line in body.splitlines())
    return ("project:\n" if opened else "#project:\n") + body


def _relative(project: Project, what: str) -> str:
    path = project.makefile.path if what == "makefile" and project.makefile else None
    if what == "alembic" and project.tree:
        path = project.tree.ini
    return path.relative_to(project.root).as_posix() if path and path.is_relative_to(project.root) else ""


def _how(project: Project) -> str:
    return "\n# docker: containers by compose; process: plain processes of this machine.\n" + _line(
        "runtime", project.runtime or "", "docker"
    )


def _commands(project: Project) -> str:
    lines = project.lines  # what follows from the files is shown, and goes on following from them
    found = [
        _line(
            role, f"make {project.roles[role]}" if role in project.roles else "", lines.get(role, f"make {role}"), "  "
        )
        for role in ROLES
    ]
    opened = any(not line.startswith("#") for line in found)
    head = "\n# The shell line of each role, run in the folder of the Makefile, else of the service.\n"
    return head + ("commands:\n" if opened else "#commands:\n") + "".join(found)


def _database(project: Project) -> str:
    found = project.database
    body = _line("service", project.database_service, "db", "  ")
    reference = found.reference if found and ("#" in found.reference or found.reference.startswith("env:")) else ""
    body += _line("url", reference, "env:DATABASE_URL   # where it stands, or file:PATH#KEY, compose:SERVICE#KEY", "  ")
    tree = project.tree
    special = tree.version_table if tree and tree.version_table != "alembic_version" else ""
    body += _line("version_table", special, "alembic_version", "  ")
    body += "#  version_table_schema: public\n"
    body += "#  confirm: shop   # its name: it may be migrated although it is elsewhere, or its use is not proved\n"
    body += "#  binaries: /usr/lib/postgresql/15/bin   # process only: which PostgreSQL to run\n"
    opened = any(not line.startswith("#") for line in body.splitlines())
    return "\n# The application's database. Passwords stay where they are: only the place is named here.\n" + (
        ("database:\n" if opened else "#database:\n") + body
    )


def _service(project: Project) -> str:
    return (
        "\n# The application's compose service, the URL it answers on, its health endpoint.\n"
        + _line("service", project.service, "api")
        + f"#url: {project.url or 'http://127.0.0.1:8000'}\n"
        + "#health: /health\n#environment: development\n"
        + "#settle: 10   # seconds after the change at which the service is looked at again\n"
    )


def _timeouts() -> str:
    lines = "".join(f"#  {name}: {seconds:g}\n" for name, seconds in TIMEOUTS.items())
    return f"\n# Seconds.\n#timeouts:\n{lines}"


def _specs(project: Project) -> str:
    paths = [path.relative_to(project.root) for path in project.specs]
    # The root itself would be everything: of what lies there the files are named.
    names = sorted({(path if len(path.parts) == 1 else path.parent).as_posix() for path in paths})
    shown = ", ".join(map(_scalar, names))
    return "\n# Where implementation plans lie (folders or files).\n" + (
        (f"specs: [{shown}]\n" if shown else "#specs: [docs]\n") + _MIGRATION + _PROTECTION + _TICKS + _VOCABULARY
    )
