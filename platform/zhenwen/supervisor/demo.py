"""The logins and the key of the demo institutions, remembered so that every start can print them."""

from __future__ import annotations

import json
from typing import Any

from zhenwen.supervisor.application import Application
from zhenwen.supervisor.secret_file import write_private

SAMPLE = (
    "清晨的菜市场总是比闹钟更早醒来。卖豆腐的老周把木板一块块卸下，热气从纱布缝里冒出来，混着隔壁油条摊的香味。"
    "我妈一边挑西红柿一边跟人讲价，讲到最后往往是多要两根葱了事。她说便宜不便宜倒在其次，讲过价，这一天才算开了头。"
    "后来我到外地念书，超市里的菜码得整整齐齐，价签清清楚楚，反而让人站在货架前不知道该说什么。"
)


def ensure_demo(application: Application) -> dict[str, Any]:
    """{"password", "logins": [{"email", "organization", "role"}], "api_key"}; {} when no longer known."""
    printed = application.manage("create_demo")
    demo: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
    remembered = application.places.demo
    if demo.get("created"):
        write_private(remembered, json.dumps(demo, ensure_ascii=False, indent=1) + "\n")
        return demo
    try:
        known: dict[str, Any] = json.loads(remembered.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known


def curl_line(address: str, api_key: str) -> str:
    body = json.dumps({"text": SAMPLE}, ensure_ascii=False)
    return (
        f"curl -sS {address}/api/v1/detect -H 'Authorization: Bearer {api_key}' "
        f"-H 'Content-Type: application/json' -d '{body}'"
    )
