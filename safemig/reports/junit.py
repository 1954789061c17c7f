"""A run as JUnit XML: a test case for each signal, each step and the schema."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from safemig.base.counting import counted
from safemig.base.redaction import redact
from safemig.journal.events import GOOD, SignalState
from safemig.journal.state import RunState, StepState
from safemig.reports.json_document import SIGNALS, verdict_of
from safemig.signals.words import signal_word

# XML 1.0 has no way to write these, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(summary: RunState, unsealed: str = "") -> str:
    """The XML document. What was not checked is an error, never a pass; what did not run is skipped."""
    suite = ElementTree.Element("testsuite", name=_text(f"safemig {summary.target} {summary.run}".strip()))
    for name in SIGNALS:
        _signal(suite, name, summary.signals.get(name), summary)
    for step in summary.steps:
        _step(suite, step)
    _schema(suite, summary)
    if unsealed:
        case = _case(suite, "journal", "every line was written by this person's safemig")
        _outcome(case, "error", "only a part of the journal is reported", unsealed)
    for kind, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(kind, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("tests", str(len(suite)))
    suite.set("time", f"{sum(step.seconds for step in summary.steps):.3f}")
    if summary.began:
        suite.set("timestamp", _text(summary.began))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", redact(text))


def _case(suite: ElementTree.Element, group: str, name: str, seconds: float = 0.0) -> ElementTree.Element:
    case = ElementTree.SubElement(suite, "testcase", classname=f"safemig.{group}", name=_text(name))
    case.set("time", f"{seconds:.3f}")
    return case


def _outcome(case: ElementTree.Element, tag: str, message: str, detail: str = "") -> None:
    element = ElementTree.SubElement(case, tag, message=_text(message))
    element.text = _text(detail)


def _signal(suite: ElementTree.Element, name: str, signal: SignalState | None, summary: RunState) -> None:
    case = _case(suite, "signals", name)
    if signal is None:
        _outcome(case, "error", f"not judged: the run is {verdict_of(summary)}", summary.reason)
        return
    detail = "\n".join((*signal.reasons, f"before: {signal.before}", f"after: {signal.after}"))
    if signal.ok is None:
        _outcome(case, "error", signal_word(signal.ok, signal.after), detail)
    elif not signal.ok:
        _outcome(case, "failure", "; ".join(signal.reasons) or "not good", detail)


def _step(suite: ElementTree.Element, step: StepState) -> None:
    case = _case(suite, "steps", step.title or step.id, step.seconds)
    if step.status == "failed" or step.not_good:
        _outcome(case, "failure", step.reason or "failed", step.command)
    elif step.status in ("stopped", "interrupted", "running"):
        _outcome(case, "error", f"{step.status}: {step.reason}".rstrip(": "), step.command)
    elif step.status != "done":
        _outcome(case, "skipped", f"{step.status}: {step.reason}".rstrip(": "))


def _schema(suite: ElementTree.Element, summary: RunState) -> None:
    case = _case(suite, "schema", "the schema is what the spec asked for")
    if summary.matches_spec is None:
        if summary.verdict in GOOD:
            _outcome(case, "skipped", "no schema was asked for")
        else:
            _outcome(case, "error", "the schema was not compared", summary.reason)
    elif summary.matches_spec and summary.not_checked:
        _outcome(case, "skipped", "as compared, but not all was checked", "\n".join(summary.not_checked))
    elif not summary.matches_spec:
        detail = "\n".join(
            " ".join(f"{key}={value}" for key, value in difference.items()) for difference in summary.differences
        )
        _outcome(case, "failure", counted(len(summary.differences), "difference"), detail)
