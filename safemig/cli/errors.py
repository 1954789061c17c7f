"""From exceptions to one line and an exit code."""

from __future__ import annotations

import tempfile
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

from safemig.cli.printing import err


def at_border(call: Callable[[], int]) -> int:
    """Runs ``call``; known errors become one line, an unknown one a paste-ready file and exit code 3."""
    from safemig.base.redaction import redact
    from safemig.checklist.ticks import TickFails
    from safemig.cli.trusting import NotTrusted
    from safemig.consent.person_folder import PersonFolderError
    from safemig.journal.journal import JournalBroken, JournalUnwritable, RunBusy
    from safemig.planning.collect.gaps import ChoiceNeeded, NoSuchName, NotReady
    from safemig.project.config import ConfigError
    from safemig.requirements.spec_documents import SpecMissing
    from safemig.runtimes.base import Unreachable

    codes: dict[type[Exception], int] = {
        ConfigError: 2,
        UsageError: 2,
        JournalBroken: 1,
        JournalUnwritable: 1,
        RunBusy: 2,
        PersonFolderError: 2,
        SpecMissing: 2,
        NoSuchName: 2,  # before the kind that it is one of
        ChoiceNeeded: 4,
        NotTrusted: 4,
        NotReady: 2,
        Unreachable: 1,
        TickFails: 1,
        OSError: 1,
    }
    for kind in (SyntaxWarning, DeprecationWarning):  # `ast.parse` warns of other people's files
        warnings.filterwarnings("ignore", category=kind)
    try:
        return call()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 1
    except tuple(codes) as error:
        if isinstance(error, NotTrusted):
            err("".join(f"{line}\n" for line in error.question))
        err(f"safemig: {redact(str(error))}\n")
        return next(code for kind, code in codes.items() if isinstance(error, kind))
    except Exception as error:  # noqa: BLE001  the outermost border: an unknown error is a bug, said so, with a file
        with tempfile.NamedTemporaryFile("w", prefix="safemig-crash-", suffix=".txt", delete=False) as file:
            file.write(redact(traceback.format_exc()))
        err(f"safemig: a bug in safemig: {redact(repr(error))}\n  paste this file: {Path(file.name)}\n")
        return 3


class UsageError(Exception):
    """The command line asks for something that is not there."""
