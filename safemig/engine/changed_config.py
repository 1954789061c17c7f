"""safemig.yaml that changed while the run was on: the run has it as it was read when it began, and asks whether that is
still what the person wants."""

from __future__ import annotations

import hashlib
from functools import partial

from safemig.base.file_edit import unified
from safemig.engine.approval import ask_person
from safemig.engine.session import Session
from safemig.planning.plan import Step
from safemig.project.config_text import read_config_text


async def config_holds(s: Session, step: Step) -> None:
    """Asks before the step where safemig.yaml says something else than when the run began, in every mode and once for
    each such change. Raises RunEnds where the person says no, or nobody can answer."""
    began = s.config_text
    now = await s.look(partial(read_config_text, began.path.parent, began.path))
    broken = now.says if isinstance(now.says, str) else ""  # why it cannot be read
    digest = hashlib.sha256(f"{began.path}\0{now.text}\0{broken}".encode()).hexdigest()
    if now.says == began.says or digest in s.past.approved:
        return
    name = began.path.name
    new = f"{broken}\n" if broken and not now.text else unified(name, began.text, now.text)
    await ask_person(
        s,
        step,
        f"{name} changed while the run was on; go on with it as it was?",
        s.clean(new),
        f"the run goes on with {name} as it was when it began or was resumed; nothing that is new in it counts",
        f"what {name} may have run or allows is read once, and its digest is what is trusted; "
        "after a no, a new run takes it as it is, and asks whether it is trusted",
        digest,
    )
