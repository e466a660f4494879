"""Every variable that the settings read stands in docs/settings.md, and nothing else does."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READ = re.compile(r'env_(?:text|bool|int|list)\("([A-Z_]+)"|environ\.get\("(ZHENWEN_[A-Z_]+)"')


def test_every_setting_is_documented() -> None:
    sources = [*(ROOT / "platform/zhenwen/settings").glob("*.py"), *(ROOT / "detection/engine").glob("*.py")]
    read = {
        name for path in sources for pair in READ.findall(path.read_text("utf-8")) for name in pair if name
    }
    rows = [line for line in (ROOT / "docs/settings.md").read_text("utf-8").splitlines() if line[:2] == "| "]
    documented = {name for row in rows for name in re.findall(r"`([A-Z_]{4,})`", row.split("|")[1])}
    assert read == documented
