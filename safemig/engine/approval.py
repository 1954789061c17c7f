"""Permission for a step: the policy's word, a question to the person where it says ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Literal

from checks.evidence import Json, now
from safemig.base import file_edit
from safemig.base.action import EFFECTS, Action
from safemig.base.rebase import base_of
from safemig.consent.person_folder import project_folder
from safemig.engine.session import RunEnds, Session
from safemig.engine.skipping import skip_words
from safemig.engine.tick_preview import lines_of, offer, offer_words
from safemig.journal.events import Answer, Mode
from safemig.journal.messages import Message
from safemig.planning.collect import revision_contents
from safemig.planning.collect.called_files import called_by
from safemig.planning.facts import Finding
from safemig.planning.plan import Step
from safemig.planning.planner import draft
from safemig.planning.steps import digests_of, named_of
from safemig.planning.text import change_points, plan_lines, undo_points
from safemig.policy import decision, permissions
from safemig.shell.effects import effect_of_line
from safemig.shell.makefile import whole_recipe


async def permit(s: Session, step: Step) -> Step | None:
    """The step as it may run now; None when the person refused or skipped it. Raises RunEnds when nobody can answer."""
    if step.intent == "named":
        return step if await _permit_named(s, step) else None
    while True:
        step = s.plan.step(step.id)
        judgement = judge(s, step.action)
        if step.intent == "tick" and not await _to_tick(s, judgement):
            return step  # there is nothing to ask about
        if judgement.answer == "allow":
            if step.action.kind != "look" and step.action.digest not in s.past.approved - _spent(s):
                unasked = Message("decide", answer="once")
                _given(s, step, unasked, "mode" if s.past.mode == "auto" else "rule", judgement.rule)
            return step
        if s.past.mode == "plan" or (s.past.planned and judgement.answer == "ask"):
            await approve_plan(s)  # in a plan that was approved as one, an addition is asked as one too
            continue
        if judgement.answer == "deny":
            s.note(f"refused by rule: {judgement.rule}", step.id, "error")
            raise RunEnds("refused", f"{step.title}: {judgement.rule}")
        message = await _ask(s, step, judgement)
        if message.answer == "skip":
            return None
        if message.answer == "no" and step.intent == "tick" and not (await offer(s)).items:
            return step  # nothing but proposals was turned down, which refuses nothing of the run
        if message.answer != "edit":
            return None if message.answer == "no" else step
        await _edit(s, step, message.text)


async def _to_tick(s: Session, judgement: decision.Judgement) -> bool:
    """Whether there is something to tick, or to ask about."""
    found = await offer(s)
    return bool(found.items or (found.proposed and (judgement.answer == "ask" or s.config.ticks.proposed)))


async def _permit_named(s: Session, step: Step) -> bool:
    """Whether a command that only a checklist names may run. It is asked about as what writes is, even where it is
    known to look only, for the spec is nobody's word; all of them once, and a no leaves the run as it is."""
    action = step.action
    while True:
        judgement = judge(s, action)
        if judgement.answer == "deny" and s.past.mode != "plan":
            s.note(f"`{action.line}` is not run: {judgement.rule}", step.id, "warning")
            return False
        if action.digest in s.past.refused:
            return False
        if action.digest in s.past.approved and judgement.answer == "allow":
            return True
        judgement = _as_write(s, action)
        if judgement.answer == "allow":
            _given(
                s, step, Message("decide", answer="once"), "mode" if s.past.mode == "auto" else "rule", judgement.rule
            )
            return True
        if s.past.mode == "plan" or s.past.planned:
            await approve_plan(s)
        else:
            await _ask_named(s, step, judgement.rule)


def _as_write(s: Session, action: Action) -> decision.Judgement:
    """The word on a command that only looks as on one that writes; what an earlier run saw to do more stays that."""
    return judge(s, replace(action, kind="command", effect=max("write", action.effect, key=EFFECTS.index)))


async def _ask_named(s: Session, step: Step, rule: str) -> None:
    """One question for all commands that the items name and that nobody has decided about."""
    decided = s.past.approved | s.past.refused
    waiting = {
        other.action.digest: (other, named_of(s.facts, other))
        for other in s.plan.steps
        if other.intent == "named" and other.action.digest not in decided and _as_write(s, other.action).answer == "ask"
    }
    path = s.facts.spec.path if s.facts.spec else ""
    shown = [
        f"{path}:{fact.line} {fact.text}\n    {each.action.line}   ({fact.why})" for each, fact in waiting.values()
    ]
    title = "See how the commands end that the checklist names?"
    question: dict[str, Json] = {
        "kind": "question",
        "digest": "",
        "title": title,
        "effect": _worst([each for each, _ in waiting.values()]),
        "what": s.clean("\n".join(each.action.line for each, _ in waiting.values())),
        "detail": s.clean("\n".join(shown)),
        "changes": "they run code of the project, before the change and after it; known to change: "
        + (", ".join(dict.fromkeys(t for each, _ in waiting.values() for t in each.action.touches)) or "nothing"),
        "undo": "nothing to undo",
        "rule": rule,
        "once": "exactly these commands, in this run; without them their items stay open",
        "always": "",
        "tool": "",
    }
    message = await ask(s, question, step.id)
    give(s, message, step.id, title=title, rule=rule, named=[*waiting])


def judge(s: Session, action: Action, who: Literal["engine", "person", "face"] = "engine") -> decision.Judgement:
    """The policy's word on an action in the present context."""
    return decision.judge(action, replace(_context(s), who=who))


async def _edit(s: Session, step: Step, text: str) -> None:
    """The person's own wording of the action: another action, in the plan's next revision, judged anew.

    Back to the planned wording, it is the planned action again, with its target and recipe.
    """
    action = step.action
    earlier = [one for one in s.findings if one.name == "edited" and one.step == step.id]
    others = [one for one in s.findings if one not in earlier]
    planned = next((one.action for one in draft(s.facts, others).steps if one.id == step.id), action)
    if action.kind == "command":
        line = text.strip()
        fresh = replace(_reworded(action, line), calls=digests_of(called_by(s.project, "", line)))
        fresh = planned if line == planned.line else action if line == action.line else fresh
    else:
        before = base_of(action)
        fresh = replace(action, text=text, diff=file_edit.unified(action.path, before, text))
    if fresh.digest != action.digest:
        time = f"edit {len(earlier) + 1}, " if earlier else ""
        cause = f"the person edited “{step.title}” ({time}{fresh.digest[:8]})"
        reading = await s.look(lambda: revision_contents.edited(s.facts, fresh))
        s.find(Finding("edited", cause, actions=(fresh,), step=step.id, files=reading.files, risks=reading.risks))


def _reworded(action: Action, line: str) -> Action:
    """The command with another line. The revision files that it applies lose what they lose, whatever the line is."""
    effects = effect_of_line(line)
    effect, touches = effects.effect, effects.touches
    if decision.applies_revisions(action):
        effect = max(effect, action.effect, key=EFFECTS.index)
        touches = tuple(dict.fromkeys((*touches, *action.touches)))
    return replace(action, line=line, target="", recipe="", effect=effect, touches=touches)


def _context(s: Session) -> decision.Context:
    rules = s.config.permissions
    return decision.Context(
        mode=s.past.mode,
        rules=decision.Rules(rules.allow, rules.ask, rules.deny),
        granted=tuple(kept.grant for kept in permissions.load(project_folder(s.root))),
        approved=frozenset(s.past.approved - _spent(s)),
        environment=s.config.environment,
        project=str(s.root),
    )


def _spent(s: Session) -> set[str]:
    """The approvals that have been used up: an answer holds for one change of the database, never for a second. One
    answer about a command that an item names is for its runs before and after the change."""
    changes = [step for step in s.plan.steps if step.intent != "named" and decision.applies_revisions(step.action)]
    done = Counter(step.action.digest for step in changes if s.past.of(step.id).status in ("done", "failed"))
    return {digest for digest, times in done.items() if times >= s.past.given[digest]}


def give(
    s: Session,
    message: Message,
    step: str = "",
    *,
    title: str,
    rule: str,
    digest: str = "",
    others: Collection[str] = (),
    **more: Json,
) -> Answer:
    """Journals a person's answer that is either no, once or one of the ``others``; which of them it is."""
    yes_or_no: Answer = "no" if message.answer == "no" else "once"
    answer = message.answer if message.answer in others else yes_or_no
    _journal(s, replace(message, answer=answer), step, "person", title, rule, digest, more)
    return answer


def _journal(
    s: Session, message: Message, step: str, by: str, title: str, rule: str, digest: str, more: Mapping[str, Json]
) -> None:
    data: dict[str, Json] = {
        "id": message.id,
        "digest": digest,
        "answer": message.answer,
        "by": by,
        "rule": rule,
        "reason": message.reason,
        "title": title,
    }
    s.emit("approval.given", {**data, **more, **message.came_from()}, step)


def _given(
    s: Session, step: Step, answer: Message, by: str, rule: str, granted: Mapping[str, Json] = MappingProxyType({})
) -> None:
    lines: dict[str, Json] = {"lines": [*lines_of(answer.text)]} if answer.answer == "proposed" else {}
    more = {**_held(step.action), **granted, **lines}
    _journal(s, answer, step.id, by, step.title, rule, step.action.digest, more)


def _held(action: Action) -> dict[str, Json]:
    """The files that the question and its answer are about, by sha256; nothing where no revision is applied."""
    return {"contents": {one.path: one.sha256 for one in action.contents}} if action.contents else {}


async def _ask(s: Session, step: Step, judgement: decision.Judgement) -> Message:
    action = step.action
    what = s.clean(action.line) if action.kind == "command" else f"write {action.path}"
    more = [*map(s.clean, step.detail), recipe_of(s, action.target)]
    detail = "\n".join([action.diff or action.text, *more]).strip()
    changes, proposed = step.changes, ""
    if step.intent == "tick":
        words = await offer_words(s)
        what, proposed = words.what, words.proposed
        detail = "\n".join([words.detail, *map(s.clean, step.detail)])
        changes = "only these items: each is proved by this run"
    question: dict[str, Json] = {
        "kind": "step",
        "digest": action.digest,
        "title": step.title,
        "effect": action.effect,
        "what": what,
        "detail": detail,
        "changes": changes + (f" (because: {step.cause})" if step.cause else ""),
        "undo": step.undo,
        "rule": judgement.rule,
        "once": judgement.once,
        # A grant is kept with its line, word for word: none is given for a line with a password in it.
        "always": judgement.always if s.clean(action.line) == action.line else "",
        "tool": judgement.tool,
        **_held(action),
        "proposed": proposed,
        "skip": skip_words(step),
    }
    message = await ask(s, question, step.id)
    if message.answer == "edit":
        return message
    if message.answer == "proposed" and not proposed:
        message = replace(message, answer="once")  # nothing more was offered
    if message.answer == "skip" and not question["skip"]:
        message = replace(message, answer="no")  # what cannot be skipped is not done either
    if message.answer in ("no", "skip"):
        _given(s, step, message, "person", judgement.rule)
        return message
    granted: dict[str, Json] = {}
    if message.answer in {"always", "tool"}:
        grant = decision.grant_for(action, _context(s), "line" if message.answer == "always" else "tool")
        if grant and s.clean(grant.what) == grant.what:
            kept = permissions.add(project_folder(s.root), grant, by=message.by, at=now())
            name = next(one.id for one in kept if one.grant == grant)
            granted = {"grant": name, "granted": s.clean(f"{grant.what} ({grant.kind})")}
    _given(s, step, message, "person", judgement.rule, granted)
    return message


def recipe_of(s: Session, target: str) -> str:
    """What making ``target`` runs, line by line; "" without a target."""
    if not target or s.project.makefile is None:
        return ""
    return s.clean("\n".join(whole_recipe(s.project.makefile, target)))


async def ask(s: Session, question: dict[str, Json], step: str = "") -> Message:
    """Puts a question on the stream and waits. Raises RunEnds when it cannot be answered."""
    name = f"q{s.past.asked + 1}"
    s.emit("approval.asked", {"id": name, **question}, step)
    message = await s.inbox.decision(name)
    if message is None:
        s.check_stop()
        raise RunEnds("waiting", f"an answer is needed and nobody can give it: {question['title']}")
    return message


async def ask_person(
    s: Session,
    step: Step,
    title: str,
    what: str,
    once: str,
    rule: str,
    digest: str = "",
    *,
    typed: str = "",
    others: Mapping[str, str] = MappingProxyType({}),
) -> Answer:
    """A question that is no permission for an action; with a ``digest`` the answer stays known. Raises
    RunEnds("refused") on no.

    With ``typed`` a yes counts only with those words in it, as the person has typed them; other words are asked again.
    ``others`` are further answers, with what each does.
    """
    question: dict[str, Json] = {
        "kind": "question",
        "digest": digest,
        "title": title,
        "effect": step.action.effect,
        "what": what,
        "detail": what,
        "changes": step.changes,
        "undo": step.undo,
        "rule": rule,
        "once": once,
        "always": "",
        "tool": "",
        **others,
    }
    message = await ask(s, {**question, "typed": typed} if typed else question, step.id)
    while typed and message.answer != "no" and message.text.strip() != typed:
        s.note(f"“{message.text.strip()}” is not “{typed}”; nothing is taken for a yes", step.id, "warning")
        message = await ask(s, {**question, "typed": typed}, step.id)
    answer = give(s, message, step.id, title=title, rule=rule, digest=digest, others=others)
    if answer == "no":
        raise RunEnds("refused", f"{title} No" + (f": {message.reason}" if message.reason else ""))
    return answer


async def approve_plan(s: Session) -> None:
    """Plan mode: the whole document (or what is new in it) is approved as one; the answer chooses the mode."""
    plan = s.plan
    fresh = [step for step in plan.steps if _needs(s, step)]
    message = await ask(
        s,
        {
            "kind": "plan",
            "digest": plan.digest,
            "title": "Run what is new in this plan" if s.past.planned else "Run this plan",
            "effect": _worst(fresh),
            "what": "\n".join(f"{step.id}: {step.title}" for step in fresh),
            "detail": _new(fresh) if s.past.planned else "\n".join(plan_lines(s.facts, plan)),
            "changes": "\n".join(change_points(fresh)),
            "undo": "\n".join(undo_points(fresh)),
            "rule": _added_why(plan.cause, fresh) if s.past.planned else "plan mode changes nothing",
            "once": "these steps, as they stand here; what is added later is asked",
            "always": "",
            "tool": "",
        },
    )
    digests: list[Json] = [step.action.digest for step in fresh]
    answer = give(s, message, title="the plan", rule="plan mode", digest=plan.digest, digests=digests)
    if answer == "no":
        raise RunEnds("refused", "the plan was not approved" + (f": {message.reason}" if message.reason else ""))
    stays: Mode = "default" if s.past.mode == "plan" else s.past.mode
    after: Mode = "auto" if message.mode == "auto" else stays
    if after != s.past.mode:
        change: dict[str, Json] = {"before": s.past.mode, "after": after, "by": message.by}
        s.emit("mode.changed", {**change, **message.came_from()})


def _added_why(cause: str, fresh: list[Step]) -> str:
    """Why an approved plan is asked about again."""
    causes = "; ".join(dict.fromkeys(step.cause for step in fresh if step.cause)) or cause
    return "added to the approved plan" + (f", because {causes}" if causes else "")


def _needs(s: Session, step: Step) -> bool:
    changing = step.action.kind != "look" or step.intent == "named"
    return changing and not s.past.finished(step.id) and step.action.digest not in s.past.approved - _spent(s)


def _worst(steps: list[Step]) -> str:
    return max((step.action.effect for step in steps), key=EFFECTS.index, default="read")


def _new(fresh: list[Step]) -> str:
    """What has been added to an approved plan, with its cause."""
    lines: list[str] = []
    for step in fresh:
        lines += [f"{step.title}", f"  {step.action.line or 'writes ' + step.action.path}"]
        lines += [f"  because: {step.cause}"] if step.cause else []
        lines += [f"  | {line}" for line in (*step.action.diff.splitlines(), *step.detail)]
    return "\n".join(lines)
