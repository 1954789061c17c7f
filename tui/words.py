"""The words and signs of the screen. A state is always a sign or a word, never a colour alone."""

from __future__ import annotations

from datetime import UTC, datetime

from checks.text import plain

MODE_WORDS = {
    "default": "default: asks before each change",
    "plan": "plan: changes nothing until the plan is approved",
    "auto": "auto: asks nothing that the rules allow",
}
PLANNED_WORDS = "plan approved; additions are asked"
SIGNS = {
    "planned": "·",
    "running": "▶",
    "waiting": "?",
    "done": "✓",
    "not good": "!",
    "failed": "✗",
    "refused": "⊘",
    "stopped": "■",
    "interrupted": "↯",
    "skipped": "–",
}
WORDS = {"failed": "FAILED ", "not good": "NOT GOOD "}
SHADES = {
    "planned": "$text-muted",
    "running": "$text-accent bold",
    "waiting": "$text-warning bold",
    "done": "$text-success",
    "not good": "$text-warning bold",
    "failed": "$text-error bold",
    "refused": "$text-warning",
    "stopped": "$text-warning",
    "interrupted": "$text-warning",
    "skipped": "$text-muted",
}
PHASES = {"before": "Before the change", "change": "The change", "after": "After the change"}
RISKS = {"read": "", "write": "write", "destructive": "DESTRUCTIVE"}


def clean(text: str, limit: int = 2000) -> str:
    """Untrusted text as one harmless line."""
    return text if len(text) <= limit and text.isascii() and text.isprintable() else plain(text, limit)


def clean_lines(text: str, most: int = 20_000) -> list[str]:
    """Untrusted text as harmless lines; indentation by tabs becomes blanks."""
    return [clean(line.expandtabs(4)) for line in text.split("\n", most)[:most]]


def duration(seconds: float) -> str:
    """ "0.3 s", "12 s", "3:07", "1:02:45"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def since(wall: str, until: str = "") -> float:
    """Seconds from one ISO 8601 moment to another (to now when ``until`` is empty); 0 when unreadable."""
    try:
        start = datetime.fromisoformat(wall)
        end = datetime.fromisoformat(until) if until else datetime.now(UTC)
        return max(0.0, (end - start).total_seconds())
    except (ValueError, TypeError):
        return 0.0
