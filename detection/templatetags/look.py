"""Small drawing and wording helpers of the templates."""

from __future__ import annotations

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from detection.reports.wording import percentage

register = template.Library()

VERDICT_ICONS = {
    "human": "pen",
    "ai": "spark",
    "mixed": "split",
    "polished": "spark",
    "inconclusive": "question",
}


@register.simple_tag
def icon(name: str) -> SafeString:
    """An outline of templates/icons/ that takes the colour of the words beside it."""
    return render_to_string(f"icons/{name}.svg")


@register.simple_tag
def verdict_icon(verdict: str) -> SafeString:
    return icon(VERDICT_ICONS[verdict])


@register.filter
def percent(share: float) -> str:
    return percentage(share)


@register.filter
def thousands(number: int) -> str:
    """12,345 in both languages: that is how numbers of characters are written in Chinese reports, too."""
    return f"{number:,}"


@register.filter
def size(size_bytes: int) -> str:
    if size_bytes < 1024 * 1024:
        return f"{max(round(size_bytes / 1024), 1)} KB"
    return f"{size_bytes / 1024 / 1024:.1f} MB"


@register.filter
def unlocalized(number: float) -> str:
    """For drawings, where a decimal comma would be a second number."""
    return f"{number:g}"
