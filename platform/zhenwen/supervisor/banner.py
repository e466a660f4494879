"""What is printed once the site runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zhenwen.supervisor.console import say
from zhenwen.supervisor.demo import curl_line

ROLES = {
    "owner": "所有者",
    "admin": "管理员",
    "member": "成员",
    "viewer": "只读",
    "operator": "平台运维 /admin/",
}


def show_banner(
    *, address: str, demo: dict[str, Any], data_dir: Path, logs: Path, stores: Sequence[str], health: str
) -> None:
    lines = ["", f"  甄文已就绪  Zhenwen is ready   {health}", "", f"  网址 Address   {address}"]
    if demo:
        lines += _logins(demo)
        lines += [
            f"  密钥 API key   {demo['api_key']}",
            "  试一试 Try it:",
            "",
            curl_line(address, demo["api_key"]),
            "",
        ]
    else:
        lines += [
            "  登录 Logins    演示账号已在先前创建；重设密码 script/manage changepassword <邮箱>",
            "                 made on an earlier start; script/manage changepassword <email>",
        ]
    lines += [f"  存储 Stores    {store}" for store in stores]
    lines += [f"  数据 Data      {data_dir}", f"  日志 Logs      {logs}", ""]
    lines += ["  按 Ctrl-C 停止  Press Ctrl-C to stop", ""]
    say("\n".join(lines))


def _logins(demo: dict[str, Any]) -> list[str]:
    lines = [f"  密码 Password  {demo['password']}  （下列账号共用 shared by these logins）"]
    for login in demo["logins"]:
        role = str(login["role"])
        where = f"/o/{login['organization']}/" if login["organization"] else ""
        lines.append(f"  登录 Login     {login['email']:<22} {ROLES.get(role, '')} {role} {where}".rstrip())
    return lines
