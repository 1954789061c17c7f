"""The tables of well-known tools: their commands, and the options that keep the effect of each.

What is not in a table is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from safemig.base.action import SCHEMA, Effect
from safemig.shell.options import Known, Parsed
from safemig.shell.outcome import Effects, Words, reads, unknown
from safemig.shell.parser import names
from safemig.shell.paths import inside, visible
from safemig.shell.quoting import HOLE

SERVERS = names("uvicorn gunicorn hypercorn daphne granian")


@dataclass(frozen=True)
class Command:
    """A command of a tool: its effect as long as only known options and operands are given."""

    effect: Effect
    options: Known
    touches: str = ""
    why: str = ""
    operands: Callable[[Words], bool] = lambda _: True
    values: Callable[[Parsed], bool] = lambda _: True

    def judge(self, tool: str, args: Words) -> Effects:
        found = self.options.parse(args)
        if found is None or not self.operands(found.operands) or not self.values(found):
            return unknown((tool, *args))
        return reads() if self.effect == "read" else Effects(self.effect, (self.touches,), f"{tool} {self.why}")


Operands = Callable[[Words], bool]
Values = Callable[[Parsed], bool]


def _any(_: object) -> bool:
    return True


def looks(options: str = "", operands: Operands = _any, values: Values = _any, *, holes: bool = False) -> Command:
    return Command("read", Known(options, holes), operands=operands, values=values)


def changes(
    touches: str, why: str, options: str = "", *, holes: bool = False, operands: Operands = _any, values: Values = _any
) -> Command:
    return Command("write", Known(options, holes), touches, why, operands, values)


def all_inside(operands: Words) -> bool:
    return all(inside(path) for path in operands)


def all_visible(operands: Words) -> bool:
    return all(visible(path) for path in operands)


def no_arguments_file(operands: Words) -> bool:
    """No ``@FILE``, from which a tool takes further options."""
    return not any(word.startswith("@") for word in operands)


def none(operands: Words) -> bool:
    return not operands


def known(operands: Words) -> bool:
    return not any(HOLE in word for word in operands)


def at_most(count: int) -> Callable[[Words], bool]:
    return lambda operands: len(operands) <= count


def _written_inside(*options: str) -> Callable[[Parsed], bool]:
    return lambda found: all(visible(value) for value in found.values(*options))


_PYTEST = (
    "-q -v -x -s -l -h -k= -m= -n= -W= -r= --quiet --verbose --exitfirst --showlocals --maxfail= --tb= --durations="
    " --dist= --cov --cov= --cov-report= --cov-fail-under= --cov-branch --no-cov --no-header --no-summary --lf --ff"
    " --sw --last-failed --failed-first --stepwise --disable-warnings --color= --strict-markers --strict-config"
    " --asyncio-mode= --timeout= --no-loadscope-reorder --collect-only --co --junitxml= --junit-xml= --import-mode="
    " --reruns= --reuse-db --ignore= --deselect= --capture= --version -p= --full-trace --nf --runslow"
    " --log-level= --log-cli-level= --show-capture= --setup-show --fixtures --markers --doctest-modules"
    " --randomly-seed= --cov-append --numprocesses= --new-first --setup-plan"
)
_SERVER = (
    "--host= --port= --reload --workers= -w= -b= --bind= -k= --worker-class= --log-level= --timeout= --factory -p="
    " --proxy-headers --reload-dir= --app-dir= --access-logfile= --error-logfile= --loop= --http= --interface= -t="
    " --root-path= --no-access-log --lifespan= --forwarded-allow-ips= --threads= --graceful-timeout= --keep-alive="
    " --max-requests= --preload --ws= --use-colors --access-log --no-server-header --timeout-keep-alive="
    " --reload-include="
)
_PIP = (
    "-r= --requirement= -e= --editable= -c= --constraint= -U --upgrade -q --quiet -v --user --no-cache-dir --no-deps"
    " --require-hashes --disable-pip-version-check --no-input --pre --no-build-isolation --dev --system --group="
)
_PG = "-h= --host= -U= --username= -p= --port= -w --no-password"


def _pytest_values(found: Parsed) -> bool:
    reports = all(
        re.fullmatch(r"(term|term-missing|xml|html|lcov)(:skip-covered)?|", value)
        for value in found.values("--cov-report")
    )
    plugins = all(value.startswith("no:") for value in found.values("-p"))
    written = all(visible(value) and value.endswith(".xml") for value in found.values("--junitxml", "--junit-xml"))
    return reports and plugins and written


def _server_values(found: Parsed) -> bool:
    """Logs go to the terminal and code comes from the project. ``-p`` is a port for some servers, a file for others."""
    logs = all(value == "-" for value in found.values("--access-logfile", "--error-logfile"))
    files = all(re.fullmatch(r"\d+|[\w./-]+\.pid", value) for value in found.values("-p"))
    return logs and files and all(map(inside, found.values("--app-dir")))


def _modes(operands: Words) -> bool:
    mode = operands[0] if operands else ""
    plain = re.fullmatch(r"[ugoa]*[+-][rwxX]+|0?[4-7][0-7]{2}", mode) is not None
    return plain and len(operands) > 1 and all(visible(path) for path in operands[1:])


TABLES: Mapping[str, Mapping[str, Command]] = {
    # One command: the key is "". Several: the key is the sub-command's words.
    "mkdir": {"": changes("files", "makes folders", "-p -v --parents -m=", operands=all_inside)},
    "touch": {"": changes("files", "makes files", "-a -m -c", operands=all_inside)},
    "chmod": {"": changes("files", "changes file modes", "-v", operands=_modes)},
    "chown": {"": changes("files", "changes file owners", "-R -v", operands=lambda each: all(map(visible, each[1:])))},
    "ln": {"": changes("files", "makes links", "-s --symbolic -v -r", operands=all_visible)},
    "tar": {
        "": changes(
            "files",
            "packs an archive",
            "-c -z -j -J -v -f= --create --gzip --file= --exclude=",
            operands=all_inside,
            values=lambda it: (
                it.has("-c", "--create")
                and all(
                    re.fullmatch(r"[\w./-]+\.(tar|tgz|tar\.\w+)", v) and visible(v) for v in it.values("-f", "--file")
                )
            ),
        )
    },
    "pytest": {
        "": changes(
            "database rows",
            "may leave rows in the database",
            _PYTEST,
            operands=no_arguments_file,
            values=_pytest_values,
        )
    },
    "tox": {"": changes("files", "runs the project's tests", "-e= -q -v -p -r --parallel", operands=none)},
    "nox": {"": changes("files", "runs the project's tests", "-s= -e= -r -R --session=")},
    "mypy": {
        "": changes(
            "files",
            "writes its cache",
            "--strict --pretty --ignore-missing-imports --show-error-codes --no-error-summary -p= -m="
            " --namespace-packages --explicit-package-bases --python-version= --follow-imports="
            " --no-incremental --check-untyped-defs",
            operands=no_arguments_file,
        )
    },
    "black": {
        "": changes("files", "formats source files", "--check --diff -q -l= --line-length= -S -t=", operands=all_inside)
    },
    "isort": {
        "": changes("files", "formats source files", "--check --check-only --diff -q --profile=", operands=all_inside)
    },
    "flake8": {"": looks("--max-line-length= --select= --ignore= --extend-ignore= --exclude= --count --statistics -q")},
    "ruff": {
        "check": changes(
            "files",
            "may rewrite source files",
            "--fix --select= --ignore= --diff -q --no-fix --no-cache --unsafe-fixes --line-length= --exit-zero"
            " --output-format= --statistics",
            operands=all_inside,
        ),
        "format": changes(
            "files", "may rewrite source files", "--check --diff -q --no-cache --line-length=", operands=all_inside
        ),
    },
    "initdb": {
        "": changes(
            "files",
            "makes a database cluster",
            f"{_PG} -D= --pgdata= -A= --auth= -E= --locale= -N --no-sync",
            values=lambda it: all(map(inside, it.values("-D", "--pgdata"))),
        )
    },
    "pg_ctl": {
        "start": changes("service", "starts a database server", "-D= -l= -w -W -t= -s", values=_written_inside("-l")),
        "stop": changes(
            "service",
            "stops a database server",
            "-D= -w -W -t= -s -m=",
            values=lambda it: it.values("-m") in ((), ("fast",), ("smart",)),
        ),
        "restart": changes(
            "service", "restarts a database server", "-D= -l= -w -W -t= -s", values=_written_inside("-l")
        ),
        "reload": changes("service", "reloads a database server", "-D= -s"),
        "status": looks("-D="),
    },
    "createdb": {"": changes("database", "makes a database", f"{_PG} -O= -E= -T= -e", operands=at_most(2))},
    "pg_dump": {
        "": looks(
            f"{_PG} --schema-only -s --data-only -a -t= --table= -n= --schema= -d= --dbname= -O -x -c -C -v"
            " --no-owner --no-privileges --no-acl --clean --if-exists --create --inserts -F= --no-comments"
        )
    },
    "pip": {
        "install": changes("packages", "installs packages", _PIP),
        "sync": changes("packages", "installs packages", _PIP),
        "wheel": changes("packages", "fetches packages", "-r= -q --no-deps"),
        "download": changes("packages", "fetches packages", "-r= -q --no-deps"),
        "list": looks("--format= --outdated -o -q --not-required --local -l --user -v"),
        "index versions": looks("--pre", operands=known),
        "config list": looks(operands=none),
        "cache dir": looks(operands=none),
        "inspect": looks("--local -l --user", operands=none),
        "freeze": looks("-q --all --exclude-editable -l"),
        "show": looks("-f -q"),
        "check": looks(),
    },
    "poetry": {
        **{
            name: changes(
                "packages",
                "changes packages or the lock",
                f"{_PIP} --no-root --no-interaction -n --with= --without="
                " --only= --sync --no-update --all-extras -E= --extras= -G=",
            )
            for name in ("install", "lock", "add", "update", "sync")
        },
        "show": looks("--tree -t --outdated -o --latest -l"),
        "check": looks("--lock -q"),
        "version": looks("-s --short", operands=none),
        "env info": looks("-p --path", operands=none),
        "env list": looks(operands=none),
        "config --list": looks(operands=none),
        "--version": looks(),
    },
    "pdm": {
        name: changes(
            "packages",
            "changes packages or the lock",
            "-G= --group= --with= --without= -d --dev --prod --production --no-self --no-editable --frozen-lockfile -q",
            operands=none,
        )
        for name in ("install", "sync")
    },
    "pipenv": {
        name: changes("packages", "changes packages or the lock", "-d --dev --deploy -q --quiet", operands=none)
        for name in ("install", "sync")
    },
    "npm": {
        **{
            name: changes("packages", "installs packages", "--silent -s --no-audit --no-fund")
            for name in ("ci", "install", "i")
        },
        **{
            name: changes("files", "runs a script of the project", "--silent -s", operands=none)
            for name in ("test", "run build", "run test", "run lint")
        },
        "ls": looks("--depth="),
    },
    "git": {
        "status": looks("-s --short -b --branch --porcelain --porcelain= -u --untracked-files --ignored -z"),
        "log": looks(
            "--oneline --graph --decorate --all --stat -p -# -n= --since= --until= --author= --name-only"
            " --name-status --format= --pretty= --no-merges --reverse --abbrev-commit --no-pager --max-count="
            " --follow -S= -G= --grep= --shortstat --numstat"
            " --no-color --date= --merges --first-parent --patch"
        ),
        "show": looks("--stat --name-only --name-status --oneline -s --format= --pretty= -q"),
        "diff": looks(
            "--stat --name-only --name-status --cached --staged -w --numstat --shortstat --quiet --exit-code"
            " --color -U= --no-color --check --word-diff --unified= --ignore-all-space --minimal"
        ),
        "rev-parse": looks("--short --abbrev-ref --verify --show-toplevel --is-inside-work-tree --git-dir -q --short="),
        "describe": looks("--tags --always --dirty --long --abbrev= --all"),
        "ls-files": looks("-o -m -c -d --others --modified --deleted --exclude-standard -z -s --error-unmatch"),
        "branch": looks("-a -r -v --list --show-current --all --merged --no-merged", operands=none),
        "reflog": looks("-# -n=", operands=none),
        "blame": looks("-L= -w"),
        "shortlog": looks("-s -n -e"),
        "stash list": looks(),
        "config --list": looks(operands=none),
        "config --get": looks(operands=at_most(1)),
        "config -l": looks(operands=none),
        "tag -l": looks(),
        "tag --list": looks(),
        "count-objects": looks("-v -H"),
        "grep": looks("-n -i -l -c -w -E -F -q -e= --count --name-only -A= -B= -C="),
        "ls-tree": looks("-r -d -t -l --name-only"),
        "cat-file": looks("-p -t -s -e"),
        "rev-list": looks("--count --all -n= --max-count= --no-merges --reverse"),
        "merge-base": looks("--is-ancestor -a --all"),
        "symbolic-ref --short": looks("-q", operands=at_most(1)),
        "check-ignore": looks("-v -q -n --no-index"),
        "remote get-url": looks(operands=at_most(1)),
        "worktree list": looks("--porcelain", operands=none),
        "stash show": looks("-p --stat --name-only"),
        "tag": changes("files", "makes a tag", "-a -m=", operands=at_most(1)),
        # A remote by its name: an address may run a command (ext::…), a refspec may overwrite a branch.
        "fetch": changes(
            "files",
            "fetches from the remote",
            "--all -p --prune --tags -q --dry-run",
            operands=lambda each: all(re.fullmatch(r"[A-Za-z][\w-]*", name) for name in each[:1]) and len(each) < 2,
        ),
        "remote": looks("-v", operands=none),
        "add": changes("files", "adds to git's index", "-A -u --all --update -v -N"),
        "commit": changes(
            "files",
            "makes a commit, with the hooks of the project",
            "-m= --message= -a --all -q -s --signoff --allow-empty",
        ),
        "checkout": changes("files", "makes a branch", "-b=", values=lambda it: it.has("-b"), operands=none),
        "switch": changes(
            "files", "makes a branch", "-c= --create=", values=lambda it: it.has("-c", "--create"), operands=none
        ),
    },
    "flask": {
        "run": changes("service", "starts a server", "--host= -h= --port= -p= --reload --debug --no-reload --debugger")
    },
    "fastapi": {
        name: changes("service", "starts a server", "--host= --port= --reload --no-reload --workers= --app=")
        for name in ("run", "dev")
    },
    "find": {"": looks()},
    "sort": {
        "": looks(
            "-r -n -u -f -b -h -V -s -z -c -C -M -R -g -d -i -m -k= -t= -S= --key= --field-separator= --reverse"
            " --unique --numeric-sort --version-sort --parallel="
        )
    },
    "tree": {"": looks("-L= -a -d -I= -f -h -p -s")},
    "ss": {"": looks("-l -t -n -p -u -a -4 -6", operands=none)},
    "netstat": {"": looks("-l -t -n -p -u -a", operands=none)},
    "xxd": {"": looks("-l= -s= -c= -p -u", operands=at_most(1))},
    "coverage": {
        "report": looks("-m --show-missing --fail-under= --include= --omit= --skip-covered"),
        "html": changes("files", "writes a report", operands=none),
        "xml": changes("files", "writes a report", operands=none),
    },
    "pre-commit": {
        "run": changes(
            "files", "runs the project's hooks", "-a --all-files --show-diff-on-failure", operands=at_most(1)
        )
    },
    "rg": {  # its --pre runs a program
        "": looks(
            "-n -i -l -c -w -F -s -S -o -v -q -N -U -u -e= -g= --glob= -t= --type= -T= -A= -B= -C= -m= --max-count="
            " --files --hidden --no-ignore --no-heading --count --json --sort= --ignore-case --fixed-strings"
            " --line-number --files-with-matches --word-regexp --smart-case --context= --color="
        )
    },
    "uniq": {"": looks("-c -d -u -i -D -f= -s= -w= --count", operands=at_most(1))},
    "file": {"": looks("-b -i -L -h -s --brief --mime-type --mime --mime-encoding")},
    # A name that is looked up leaves the machine, so it must be known beforehand.
    **{name: {"": looks("", operands=known)} for name in ("getent", "nslookup", "dig", "host")},
    "ping": {"": looks("-c= -W= -w= -q -4 -6 -n -i=", operands=known)},
    "nc": {"": looks("-z -v -w= -n -u", values=lambda it: it.has("-z"), operands=known)},
    "env": {"": looks("-0", operands=none)},
    "hostname": {"": looks("-f -s -i -I -d", operands=none)},
    **{name: {"": changes("service", "starts a server", _SERVER, values=_server_values)} for name in sorted(SERVERS)},
}
ALEMBIC: Mapping[str, Command] = {
    "current": looks("-v --verbose --check-heads"),
    "heads": looks("-v --verbose --resolve-dependencies"),
    "history": looks("-v --verbose -r= --rev-range= -i --indicate-current"),
    "show": looks(holes=True),
    "branches": looks("-v --verbose"),
    "check": looks(),
    "list_templates": looks(),
    # An option among unknown words can only mark or print here.
    "upgrade": changes(SCHEMA, "applies migrations", "--sql --tag=", holes=True),
    "revision": changes(
        "files",
        "writes files",
        "-m= --message= --autogenerate --sql --head= --splice --branch-label= --rev-id= --depends-on=",
        values=lambda it: all(re.fullmatch(rf"[\w{HOLE}]+", value) for value in it.values("--rev-id")),
    ),
    "merge": changes("files", "writes files", "-m= --message= --branch-label= --rev-id="),
}
