"""Every text on the screen stands out from its ground: measured on the cells that are drawn, in each of our themes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.color import ColorType
from rich.color_triplet import ColorTriplet

from tests.tui.stage import Stage, stage
from tui.keys import Own
from tui.theme import OWN

# Frames, rules, scrollbars and blocks are no text: WCAG 2.1 asks 3 to 1 of them only where they carry meaning.
DRAWN = frozenset("─━│┃┌┐└┘┏┓┗┛├┤┬┴╭╮╰╯▁▂▃▄▅▆▇█▔▕▏▎▍▌▋▊▉ ")
LEAST = {"contrast": 7.0, "contrast-light": 7.0}


def luminance(colour: ColorTriplet) -> float:
    """The relative luminance of WCAG 2.1."""
    parts = [value / 255 for value in colour]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(text: ColorTriplet, ground: ColorTriplet) -> float:
    """The contrast ratio of WCAG 2.1, from 1 to 21."""
    light, dark = sorted((luminance(text), luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def texts(s: Stage) -> Iterator[tuple[str, float]]:
    """Every text on the screen with its contrast."""
    width, height = s.app.size
    for strip in s.app.screen._compositor.render_strips(s.app.size)[:height]:
        for segment in strip.crop(0, width):
            style = segment.style
            if not set(segment.text) - DRAWN or style is None or style.color is None or style.bgcolor is None:
                continue
            assert ColorType.DEFAULT not in (style.color.type, style.bgcolor.type), segment
            pair = style.color.get_truecolor(), style.bgcolor.get_truecolor()
            text, ground = reversed(pair) if style.reverse else pair
            yield segment.text, contrast(text, ground)


def test_the_measure_itself() -> None:
    assert contrast(ColorTriplet(255, 255, 255), ColorTriplet(0, 0, 0)) == pytest.approx(21)
    assert contrast(ColorTriplet(119, 119, 119), ColorTriplet(255, 255, 255)) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", [theme.name for theme in OWN])
async def test_every_text_can_be_read(tmp_path: Path, theme: str) -> None:
    least = LEAST.get(theme, 4.5)
    async with stage(tmp_path, own=Own(theme=theme)) as s:
        seen: list[tuple[str, str, float]] = []

        def look(where: str) -> None:
            seen.extend((where, text.strip(), ratio) for text, ratio in texts(s))

        look("planned")
        s.run.ask("migrate")
        await s.play()
        look("question")
        await s.press("d")
        look("details")
        await s.press("escape")
        for key in "123":
            await s.press(key)
            look(f"pane {key}")
        await s.press("question_mark")
        look("keys")
        await s.press("escape")
        await s.press("R")
        look("report")
    assert len({where for where, _, _ in seen}) == 8
    assert len(seen) > 200
    faint = sorted({(where, text, round(ratio, 2)) for where, text, ratio in seen if ratio < least})
    assert not faint
