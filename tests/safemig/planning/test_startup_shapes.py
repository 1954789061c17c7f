"""Further shapes in which a project applies revisions by itself, and their likes that apply none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from safemig.planning.startup.application import Program
from safemig.planning.startup.scripts import expanded, script_lines, substituted, tail
from safemig.project.config import Config
from safemig.project.dockerfile import parse
from tests.safemig.planning.test_startup import (
    DOCKERFILE,
    LIFESPAN,
    LOCAL,
    PLAIN_APP,
    SERVE,
    UP_TO_DATE,
    composed,
    places,
    startup,
)

ENTRY = 'ENTRYPOINT ["/srv/boot.sh"]\n' + SERVE
APPLY = "alembic upgrade head\n"


@pytest.mark.parametrize(
    ("boot", "more", "expected"),
    [
        ('source "$(dirname "$0")/lib.sh"\n', {"lib.sh": APPLY}, "lib.sh:1"),
        (
            'HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"\n. "$HERE/tasks/db.sh"\n',
            {"tasks/db.sh": APPLY},
            "tasks/db.sh:1",
        ),
        ("STEPS=/srv/steps\n$STEPS/db.sh\n", {"steps/db.sh": "#!/bin/sh\n" + APPLY}, "steps/db.sh:2"),
        ("for each in /srv/boot.d/*.sh; do\n  . $each\ndone\n", {"boot.d/10-db.sh": APPLY}, "boot.d/10-db.sh:1"),
        ("run-parts /srv/boot.d\n", {"boot.d/db": "#!/bin/sh\n" + APPLY}, "boot.d/db:2"),
        ('PREPARE="alembic upgrade head"\n$PREPARE\n', {}, "boot.sh:3"),
        ("export TOOL=alembic\n$TOOL upgrade ${TARGET:-head}\n", {}, "boot.sh:3"),
        ('echo "at $(alembic upgrade head 2>&1)"\n', {}, "boot.sh:2"),
        ("log=`alembic upgrade head`\n", {}, "boot.sh:2"),
        ("python - <<END\nfrom alembic import command\ncommand.upgrade(None, 'head')\nEND\n", {}, "boot.sh:2"),
        ("sh <<'END'\nalembic upgrade head\nEND\n", {}, "boot.sh:3"),
        ('case "$1" in\n  uvicorn)\n    alembic upgrade head ;;\nesac\n', {}, "boot.sh:4"),
        ("cd shop\nsh ../tasks/db.sh\n", {"tasks/db.sh": APPLY}, "tasks/db.sh:1"),
    ],
)
def test_an_entry_point_in_other_words(boot: str, more: Mapping[str, str], expected: str, tmp_path: Path) -> None:
    files = {"Dockerfile": DOCKERFILE + ENTRY, "boot.sh": f'#!/bin/bash\n{boot}exec "$@"\n', **more}
    found = composed(tmp_path, files)
    assert (places(found), found.unread) == ([f"start {expected}"], False)


@pytest.mark.parametrize(
    ("dockerfile", "expected"),
    [
        ('COPY --chmod=755 tasks/db.sh /usr/local/bin/serve\nENTRYPOINT ["serve"]\n' + SERVE, "tasks/db.sh:1"),
        (
            "COPY <<END /go.sh\nset -e\nalembic upgrade head\nexec uvicorn shop.main:app\nEND\nCMD sh /go.sh\n",
            "Dockerfile:6",
        ),
        ('ENV FIRST="alembic upgrade head"\nCMD $FIRST && uvicorn shop.main:app\n', "Dockerfile:5"),
        (
            'FROM python:3.12-slim\nWORKDIR /app\nCOPY --from=0 /srv/tasks /app/tasks\nCMD ["./tasks/db.sh"]\n',
            "tasks/db.sh:1",
        ),
        ("FROM python:3.12-slim\nCOPY --from=0 /srv /app\nWORKDIR /app/tasks\nCMD ./db.sh\n", "tasks/db.sh:1"),
        ("CMD gunicorn shop.main:app\n", "shop/schema.py:6"),
        ('CMD ["gunicorn", "--config=tasks/settings.py", "shop.main:app"]\n', "shop/schema.py:6"),
    ],
)
def test_an_image_in_other_words(dockerfile: str, expected: str, tmp_path: Path) -> None:
    hook = "from shop.schema import bring_up_to_date\n\n\ndef on_starting(server):\n    bring_up_to_date()\n"
    settings = "tasks/settings.py" if "--config" in dockerfile else "gunicorn.conf.py"
    files = {"tasks/db.sh": APPLY, settings: hook, "shop/schema.py": UP_TO_DATE}
    found = composed(tmp_path, {"Dockerfile": DOCKERFILE + dockerfile, **files})
    assert (places(found), found.unread) == ([f"start {expected}"], False)


@pytest.mark.parametrize(
    ("dockerfile", "said"),
    [
        ('RUN printf \'alembic upgrade head\' > /go.sh\nENTRYPOINT ["sh", "/go.sh"]\n' + SERVE, "`/go.sh`"),
        ('ENTRYPOINT ["/opt/launcher"]\n' + SERVE, "`/opt/launcher`"),
        ("CMD $BOOT; uvicorn shop.main:app\n", "`$BOOT`"),
    ],
)
def test_what_runs_before_a_server_and_cannot_be_read_is_a_note(dockerfile: str, said: str, tmp_path: Path) -> None:
    found = composed(tmp_path, {"Dockerfile": DOCKERFILE + dockerfile})
    assert (found.places, found.unread) == ((), True)
    assert said in found.notes[0]


CALLS = "from shop.schema import bring_up_to_date\n"


@pytest.mark.parametrize(
    ("main", "expected"),
    [
        ("from shop.schema import *\nbring_up_to_date()\n", "shop/schema.py:6"),
        ("import importlib\nimportlib.import_module('shop.schema').bring_up_to_date()\n", "shop/schema.py:6"),
        ("from alembic import command\ngetattr(command, 'upgrade')(None, 'head')\n", "shop/main.py:5"),
        (
            "import subprocess, sys\nTO = ['upgrade']\nsubprocess.run([sys.executable, '-m', 'alembic', *TO])\n",
            "shop/main.py:6",
        ),
        ("import os\nLINE = 'alembic upgrade head'\nos.system(LINE)\n", "shop/main.py:6"),
        ("import os\nTO = 'head'\nos.system(f'alembic upgrade {TO}')\n", "shop/main.py:6"),
        ("import os\nTO = 'head'\nos.system('alem' + 'bic up' + 'grade ' + TO)\n", "shop/main.py:6"),
        ("import subprocess\nALL = ['alembic'] + ['up' + 'grade']\nsubprocess.run(ALL + ['head'])\n", "shop/main.py:6"),
        ("import subprocess\nsubprocess.run('alembic upgrade head'.split())\n", "shop/main.py:5"),
        ("import shlex, subprocess\nsubprocess.run(shlex.split('alembic upgrade head'))\n", "shop/main.py:5"),
        ("from alembic.config import CommandLine\nCommandLine().main(['upgrade', 'head'])\n", "shop/main.py:5"),
        ("from alembic.config import main\nargv = ['upgrade', 'head']\nmain(argv=argv)\n", "shop/main.py:6"),
        (
            "from alembic.migration import MigrationContext\nMigrationContext.configure(None).run_migrations()\n",
            "shop/main.py:5",
        ),
        (
            f"{CALLS}\n\nclass Shop(FastAPI):\n    def setup(self):\n        bring_up_to_date()\n\n\napp = Shop()\n",
            "shop/schema.py:6",
        ),
        (
            f"from shop.hooks import at_start\n{CALLS}\n\n@at_start\ndef ready():\n    bring_up_to_date()\n",
            "shop/schema.py:6",
        ),
        (f"{CALLS}globals()['bring' + '_up']\n\n\ndef bring_up():\n    bring_up_to_date()\n", "shop/schema.py:6"),
    ],
)
def test_start_up_code_in_other_words(main: str, expected: str, tmp_path: Path) -> None:
    hooks = "def at_start(function):\n    return function\n"
    files = {"shop/main.py": PLAIN_APP + main, "shop/schema.py": UP_TO_DATE, "shop/hooks.py": hooks}
    found = composed(tmp_path, files)
    assert (places(found), found.unread) == ([f"start {expected}"], False)


@pytest.mark.parametrize(
    "main",
    [
        "from alembic.migration import MigrationContext\nMigrationContext.configure(None).get_current_revision()\n",
        "from alembic.config import CommandLine\nCommandLine().main(['current'])\n",
        "import subprocess\nsubprocess.run(['git', 'rev-parse', 'HEAD'])\n",
        f"from shop.hooks import at_start\n{CALLS}\n\n@app.put('/x')\n@at_start\ndef now():\n    bring_up_to_date()\n",
        f"{CALLS}\n\nclass Plan:\n    def upgrade(self):\n        bring_up_to_date()\n\n\nPlan().name\n",
    ],
)
def test_start_up_code_that_applies_nothing(main: str, tmp_path: Path) -> None:
    hooks = "def at_start(function):\n    return function\n"
    files = {"shop/main.py": PLAIN_APP + main, "shop/schema.py": UP_TO_DATE, "shop/hooks.py": hooks}
    found = composed(tmp_path, files)
    assert (found.places, found.notes) == ((), ())


def test_alembic_s_command_line_with_words_that_nobody_knows_is_a_note(tmp_path: Path) -> None:
    found = composed(tmp_path, {"shop/main.py": PLAIN_APP + "from alembic.config import main\nmain()\n"})
    assert (found.places, found.unread) == ((), True)
    assert "its words are not known" in found.notes[0]


@pytest.mark.parametrize(
    ("line", "roles"),
    [
        ("ls migrations/versions/*.py | entr -r alembic upgrade head", {"start", "write"}),
        ("watchexec -e py alembic upgrade head", {"start", "write"}),
        ("hupper -m uvicorn shop.main:app", {"start", "write"}),
        ("python again.py", {"start", "write"}),
        ("python serve.py", {"start"}),
        ("FLASK_APP=shop.web FLASK_DEBUG=1 flask run", {"start", "write"}),
        ("FLASK_APP=shop.web flask run", {"start"}),
        ("waitress-serve --call shop.web:create_app", {"start"}),
        ("PYTHONPATH=lib uvicorn inner:app", {"start"}),
        ("make up-head", {"start"}),
        ("make serve", {"start"}),
        ("uvicorn shop.web:app", set()),
    ],
)
def test_start_commands_in_other_words(line: str, roles: set[str], tmp_path: Path) -> None:
    makefile = LOCAL.format(flags="") + "\nup-%:\n\talembic upgrade $*\n\nserve: up-head\n\tuvicorn shop.web:app\n"
    files = {
        "Makefile": makefile,
        "shop/main.py": LIFESPAN,
        "shop/schema.py": UP_TO_DATE,
        "shop/web.py": PLAIN_APP + CALLS + "\n\ndef create_app():\n    bring_up_to_date()\n    return app\n",
        "lib/inner.py": LIFESPAN,
        "again.py": f"from watchfiles import run_process\n{CALLS}\nrun_process('.', target=bring_up_to_date)\n",
        "serve.py": "import uvicorn\n\nAPP = 'shop.main:app'\nuvicorn.Server(uvicorn.Config(app=APP)).run()\n",
    }
    found = startup(tmp_path, files, Config(commands={"start": line}))
    assert {place.role for place in found.places} == roles
    assert not found.unread


FIXTURE = """\
import pytest
from alembic import command


@pytest.fixture(scope="session")
def tables():
    command.upgrade(None, "head")
"""


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"tests/conftest.py": "from tests.tables import *\n", "tests/tables.py": FIXTURE}, "tests/tables.py:7"),
        ({"tests/conftest.py": "pytest_plugins = ['tests.tables']\n", "tests/tables.py": FIXTURE}, "tests/tables.py:7"),
        (
            {"tests/test_up.py": FIXTURE.replace('@pytest.fixture(scope="session")\ndef tables', "def test_up")},
            "tests/test_up.py:6",
        ),
    ],
)
def test_tests_that_apply_revisions_in_other_places(files: Mapping[str, str], expected: str, tmp_path: Path) -> None:
    found = composed(tmp_path, {"tests/__init__.py": "", "tests/test_a.py": "", **files})
    assert places(found) == [f"test {expected}"]


def test_the_lines_of_a_script() -> None:
    body = "#!/bin/sh\na \\\n  b\n# c\ncat <<-END > d\n\tinner\n\tEND\ne\n"
    assert [(each.number, " ".join(each.text.split()), each.document) for each in script_lines(body)] == [
        (2, "a b", ""),
        (6, "inner", ""),
        (5, "cat <<-END > d", "\tinner"),
        (8, "e", ""),
    ]


@pytest.mark.parametrize(
    ("text", "left", "inner"),
    [
        ('x "$(a "$(b)")" `c`', 'x "$" $', ('a "$(b)"', "c")),
        ("x '$(a)' $((1 + 2)) $(NAME)", "x '$(a)' $((1 + 2)) $(NAME)", ()),
        ("x \\$(a) $(", "x \\$(a) $(", ()),
    ],
)
def test_the_substitutions_of_a_line(text: str, left: str, inner: tuple[str, ...]) -> None:
    assert substituted(text) == (left, inner)


def test_variables_that_are_known_and_what_is_told_by_the_rest() -> None:
    assert expanded("$A ${B} ${C:-c d} $D $1", {"A": "a", "B": "b"}) == "a b c d $D $1"
    assert [tail(word) for word in ("$D/x/y.sh", "${D}/y.sh", "$/y.sh", "$D", "y.sh", "$Dy.sh")] == [
        "x/y.sh",
        "y.sh",
        "y.sh",
        "",
        "",
        "",
    ]


def test_what_a_stage_takes_out_of_another_is_the_project_s_own() -> None:
    first = "FROM a AS b\nWORKDIR /x\nCOPY . .\nCOPY go.sh /out/\n"
    image = parse(first + "FROM c\nCOPY --from=b /x/d /d\nCOPY --from=b /out/go.sh /\n")
    assert image is not None
    assert {(copy.source, copy.target) for copy in image.copies} >= {("d", "/d"), ("go.sh", "/")}


def test_a_fixture_runs_only_where_tests_run(tmp_path: Path) -> None:
    (tmp_path / "tables.py").write_text(FIXTURE, encoding="utf-8")
    for fixtures in (True, False):
        program = Program([tmp_path], fixtures=fixtures)
        assert program.module("tables")
        assert bool(program.found) is fixtures
