"""Which variables may be set for a command without making it another one. What is not listed may."""

from __future__ import annotations

import re

from safemig.shell.quoting import HOLE

# They decide about words, colours, ports and the application's own switches, never about which code runs or where.
_HARMLESS = re.compile(
    r"LANG|LANGUAGE|LC_[A-Z]+|TZ|TERM|COLUMNS|LINES|NO_COLOR|FORCE_COLOR|CLICOLOR(?:_FORCE)?|CI|DEBIAN_FRONTEND"
    r"|PYTHONUNBUFFERED|PYTHONDONTWRITEBYTECODE|PYTHONHASHSEED|PYTHONIOENCODING|PYTHONUTF8|PIP_NO_INPUT"
    r"|PIP_DISABLE_PIP_VERSION_CHECK|DOCKER_BUILDKIT|COMPOSE_DOCKER_CLI_BUILD|BUILDKIT_PROGRESS"
    r"|PGPASSWORD|PGCONNECT_TIMEOUT|APP_ENV|ENVIRONMENT|DEBUG|TESTING|LOG_LEVEL|PORT|FLASK_DEBUG"
)
# A database of this machine, without options that lead elsewhere. That command and service use the database that is
# looked at is proved by their sessions before anything is changed; of one elsewhere it is too late to ask then.
_DATABASE = re.compile(r"(?:\w+_)?(?:DATABASE|DB)_(?:URL|URI|DSN)")
_LOCAL = re.compile(
    r"postgres(?:ql)?(?:\+\w+)?://(?:[\w.~%:+-]*@)?(?:localhost|127\.0\.0\.1|\[::1\]|[a-z][\w-]*)(?::\d+)?/[\w-]*", re.A
)
# A variable that stands alone changes a command only if it was exported before: these families belong to tools.
_TOOLS = re.compile(
    r"\w*PATH|(?:LD|DYLD|BASH|PYTHON|PG|PSQL|GIT|DOCKER|COMPOSE|CURL|XDG|PIP|UV|POETRY|PDM|PIPENV|VIRTUAL|NPM|NODE|PERL"
    r"|RUBY|MAKE|SSL|OPENSSL|SSH|AWS|KUBE|PYTEST|ALEMBIC|FLASK|DATABASE|POSTGRES|BUILDKIT|TERMINFO|LESS)\w*"
    r"|HOME|ENV|IFS|SHELL\w*|PS\d|PROMPT_COMMAND|CDPATH|TMPDIR|PAGER|EDITOR|VISUAL|BROWSER|\w+_(?:PAGER|EDITOR)|EUID|UID"
    r"|\w*_proxy|\w*_PROXY|GLOBIGNORE|HISTFILE|OPTIND|FUNCNEST|LOCPATH|NLSPATH|SUDO_\w+|MAIL\w*|HOST\w*|USER|LOGNAME"
)
_NAME = re.compile(r"[A-Za-z_]\w*")


def harmless(name: str, value: str) -> bool:
    """Whether setting this variable for a command (or exporting it) leaves the command what it is."""
    if name == "PYTHONPATH":
        # The folder of the project itself: what runs there finds it anyway.
        return value in (".", "./")
    if _DATABASE.fullmatch(name):
        return _LOCAL.fullmatch(value) is not None
    return _HARMLESS.fullmatch(name) is not None and "\n" not in value


def own(name: str) -> bool:
    """Whether a variable that is set without a command, and not exported, is the line's own."""
    return _NAME.fullmatch(name) is not None and HOLE not in name and _TOOLS.fullmatch(name) is None


def plain_name(word: str) -> bool:
    """A variable's name as a word: no subscript, which Bash would evaluate."""
    return _NAME.fullmatch(word) is not None
