"""Sixty secrets in everything that a run is given, and none in anything that it writes or says, on both runtimes."""

from __future__ import annotations

from pathlib import Path

import pytest

from safemig.journal.events import Event
from safemig.journal.messages import Message
from tests.e2e.test_demo_docker import missing
from tests.e2e.world import PLAN, TICKED, Demo, ScriptedFace, demo
from tests.safemig.base.test_seeded_secrets import PLACES

pytestmark = pytest.mark.slow

SEEDS = tuple(f"Zq{number:02}-hides-{7919 * number:06}Kx" for number in range(60))
KNOWN, PLACED = SEEDS[:20], SEEDS[20:]  # by their value, from the project's files; by the place where they stand
# One each at every 40th part of the kinds of place, in the words of a log, a header, SQL, YAML, JSON, HTML, a URL.
LINES = tuple(place.format(seed) for place, seed in zip(PLACES[:: len(PLACES) // 40][:40], PLACED, strict=True))
TEXT = "\n".join((*LINES, *(f"it printed {seed} by itself" for seed in KNOWN))) + "\n"
# What is run or written to a file stands there as it is (docs/safety.md): for this user alone.
AS_IT_IS = ("request.json", "facts.json", "plan-", "finding-")

REVISION = '''\
"""say more

Revision ID: 5a4b3c2d1e0f
Revises: 3f6c1a9d27b4

{text}
"""
from alembic import op

revision = "5a4b3c2d1e0f"
down_revision = "3f6c1a9d27b4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SELECT 'token={placed}, and {known}'")  # names and SQL of a schema are never altered: no comment


def downgrade() -> None:
    op.execute("SELECT 1")
'''


def seed(world: Demo) -> None:
    """Puts all of them into every input: environments, recipe, service, answers, tests, a revision and items."""
    folder = world.folder
    (folder / "seeded.txt").write_text(TEXT, encoding="utf-8")
    with (folder / ".env").open("a", encoding="utf-8") as file:
        file.writelines(f"SERVICE_{number}={value}\n" for number, value in enumerate(KNOWN[:10]))
    compose = folder / "docker-compose.yml"
    (folder / ".env.local").write_text("".join(f"L_{n}={value}\n" for n, value in enumerate(KNOWN[10:15])))
    if compose.exists():
        given = "".join(f"      SMTP_{n}: {value}\n" for n, value in enumerate(KNOWN[15:]))
        text = compose.read_text(encoding="utf-8").replace("    environment:\n", f"    environment:\n{given}", 1)
        compose.write_text(text, encoding="utf-8")
    else:
        (folder / ".env.more").write_text("".join(f"M_{n}={value}\n" for n, value in enumerate(KNOWN[15:])))
    makefile = folder / "Makefile"
    recipes = makefile.read_text(encoding="utf-8").splitlines(keepends=True)
    at = next(number for number, line in enumerate(recipes) if line.startswith("build:"))
    makefile.write_text("".join([*recipes[: at + 1], "\t@cat seeded.txt\n", *recipes[at + 1 :]]), encoding="utf-8")
    main = folder / "app" / "main.py"
    text = main.read_text(encoding="utf-8").replace(
        '{"name": app.title, "version": app.version}',
        f'{{"name": app.title, "version": app.version, "api_token": {PLACED[0]!r}, "note": {KNOWN[0]!r}}}',
    )
    loud = "\nfor seeded in open('seeded.txt'):\n    print('seen:', seeded, flush=True)\n"
    main.write_text(text + loud, encoding="utf-8")
    with (folder / "tests" / "conftest.py").open("a", encoding="utf-8") as file:
        file.write("\n\ndef pytest_report_header():\n    return open('seeded.txt').read().splitlines()\n")
    plan = world.root / PLAN
    items = plan.read_text(encoding="utf-8").splitlines(keepends=True)
    items.insert(TICKED.stop, f"- [ ] Tell people that password={PLACED[2]} is gone, and {KNOWN[2]}\n")
    made = items[TICKED.start - 1].rstrip("\n")
    items[TICKED.start - 1] = f"{made} token={PLACED[4]}\n"
    plan.write_text("".join(items), encoding="utf-8")
    revision = REVISION.format(text=TEXT.replace("\\", "/"), placed=PLACED[1], known=KNOWN[1])
    (folder / "alembic" / "versions" / "5a4b3c2d1e0f_say_more.py").write_text(revision, encoding="utf-8")


def answer(event: Event) -> Message:
    """Yes, with secrets in the reason."""
    return Message("decide", id=str(event.data["id"]), answer="once", reason=TEXT)


def leaking(text: str) -> list[str]:
    """The lines that hold a seed."""
    return [line for line in text.splitlines() if any(value in line for value in SEEDS)]


@pytest.mark.parametrize("runtime", ["process", pytest.param("docker", marks=pytest.mark.docker)])
def test_none_of_sixty_secrets_comes_out(tmp_path: Path, runtime: str) -> None:
    if runtime == "docker" and (why := missing()):
        pytest.skip(why)
    with demo(tmp_path / "demo", runtime) as world:
        seed(world)
        face = ScriptedFace(world, "run")
        own = f"cat seeded.txt; echo password={PLACED[3]} {KNOWN[3]}"
        said = False

        def script(event: Event) -> Message:
            nonlocal said
            if not said:  # a line of the person's own, beside the first question
                said = True
                face.send(Message("shell", line_text=own, cwd="backend"))
            return answer(event)

        code = face.play(script)
        assert code == 0, [event.data for event in face.seen if event.kind == "run.finished"]
        assert "!" in {event.step for event in face.seen if event.kind == "command.output"}

        outputs = {"the stream of events": "\n".join(str(event.data) for event in face.seen)}
        for words in (
            "status", "plan", "checklist", "runs", "report", "permissions", "verify --json", "report --format json",
            "report --format junit", "status --json", "plan --json",
        ):  # fmt: skip
            done = world.safemig(*words.split())
            outputs[f"safemig {words}"] = done.stdout + done.stderr
        why_line = world.safemig("permissions", "--why", f"echo password={PLACED[3]}")
        outputs["safemig permissions --why"] = why_line.stdout + why_line.stderr
        for path in sorted((world.root / ".safemig").rglob("*")):
            if path.is_file() and not path.name.startswith(AS_IT_IS):
                outputs[str(path.relative_to(world.root))] = path.read_text(encoding="utf-8", errors="replace")
            elif path.is_file():
                assert path.stat().st_mode & 0o077 == 0, path
        assert any("commands/" in name and "***" in text for name, text in outputs.items())
        assert {name: leaking(text) for name, text in outputs.items() if leaking(text)} == {}
        assert all(folder.stat().st_mode & 0o077 == 0 for folder in (world.root / ".safemig", world.run))
