"""Line plots as plain SVG, readable on a light and on a dark page."""

from __future__ import annotations

import math
from html import escape

from benchmarks.record import Growth

WIDTH, HEIGHT = 640, 340
LEFT, RIGHT, TOP, BOTTOM = 84, 24, 44, 56
COLOURS = ("#1f5fbf", "#c2571a", "#2f7d4f")
_STEPS = (1.0, 2.0, 5.0, 10.0)


def line_plot(growth: Growth) -> str:
    xs = [x for line in growth.lines for x, _ in line.points]
    ys = [y for line in growth.lines for _, y in line.points]
    x_ticks = _powers_of_ten(xs) if growth.logarithmic_x else _ticks(0.0, max(xs))
    y_ticks = _ticks(0.0, max(ys))
    at = _Scale(x_ticks, y_ticks, logarithmic_x=growth.logarithmic_x)
    shapes = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="24" font-weight="bold">{escape(growth.title)}</text>',
        *(_x_tick(at, tick) for tick in x_ticks),
        *(_y_tick(at, tick) for tick in y_ticks),
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">'
        f"{escape(growth.x)}</text>",
        f'<text transform="translate(18 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">'
        f"{escape(growth.y)}</text>",
    ]
    for number, (line, colour) in enumerate(zip(growth.lines, COLOURS, strict=False)):
        points = [(at.x(x), at.y(y)) for x, y in line.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        shapes.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        shapes += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in points]
        shapes.append(
            f'<text x="{WIDTH - RIGHT}" y="{TOP + 16 * (number + 1)}" text-anchor="end" fill="{colour}">'
            f"{escape(line.name)}</text>"
        )
    body = "\n".join(shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'font-family="sans-serif" font-size="12">\n{body}\n</svg>\n'
    )


class _Scale:
    """Data to picture; the ticks at both ends are the edges."""

    def __init__(self, x_ticks: list[float], y_ticks: list[float], *, logarithmic_x: bool) -> None:
        self.logarithmic = logarithmic_x
        self.x_range = (self._in_scale(x_ticks[0]), self._in_scale(x_ticks[-1]))
        self.y_range = (y_ticks[0], y_ticks[-1])

    def x(self, value: float) -> float:
        low, high = self.x_range
        return LEFT + (self._in_scale(value) - low) / ((high - low) or 1) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        low, high = self.y_range
        return HEIGHT - BOTTOM - (value - low) / ((high - low) or 1) * (HEIGHT - TOP - BOTTOM)

    def _in_scale(self, value: float) -> float:
        return math.log10(value) if self.logarithmic else value


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from `low` to at least `high`, four to eight of them."""
    rough = max(high - low, 1e-9) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step * power for step in _STEPS if step * power >= rough - 1e-12)
    count = math.ceil((high - low) / step - 1e-9)
    return [low + number * step for number in range(count + 1)]


def _powers_of_ten(values: list[float]) -> list[float]:
    first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


def _x_tick(at: _Scale, value: float) -> str:
    x = at.x(value)
    return (
        f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#e4e4e4"/>'
        f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{_label(value)}</text>'
    )


def _y_tick(at: _Scale, value: float) -> str:
    y = at.y(value)
    return (
        f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#e4e4e4"/>'
        f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_label(value)}</text>'
    )


def _label(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
