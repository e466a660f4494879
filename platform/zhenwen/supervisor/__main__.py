"""`script/server`: prepare the environment, become its Python, serve."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from zhenwen.supervisor.console import StartError, complain, say
from zhenwen.supervisor.environment import SERVER, TORCH, ensure_environment, nvidia_gpu_seen
from zhenwen.supervisor.places import ROOT, VENV_PYTHON, Places, unusable_folder
from zhenwen.supervisor.server import Options, serve, take_place

_INSTALLED = "ZHENWEN_ENVIRONMENT_READY"


def main(arguments: list[str]) -> int:
    parsed = _parser().parse_args(arguments)
    options = Options(
        host=parsed.host,
        port=parsed.port,
        data_dir=Path(parsed.data_dir).expanduser().resolve(),
        web_workers=parsed.workers,
        demo=not parsed.no_demo,
        ready_file=parsed.once_ready_file,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _cancel)
    try:
        if os.environ.pop(_INSTALLED, ""):
            serve(options)
            return 0
        # A port in use or a full disk is better known before minutes of downloads.
        take_place(options, Places(options.data_dir)).close()
        ensure_environment([SERVER, TORCH] if parsed.with_torch or nvidia_gpu_seen() else [SERVER])
        command = [str(VENV_PYTHON), "-m", "zhenwen.supervisor", *arguments]
        os.execve(VENV_PYTHON, command, {**os.environ, _INSTALLED: "1"})  # noqa: S606
    except StartError as error:
        complain(error)
        return 1
    except KeyboardInterrupt:
        say("\n已取消。", "Cancelled.")
        return 130
    except OSError as error:
        complain(unusable_folder(Path(error.filename or options.data_dir), error))
        return 1


def _cancel(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="script/server",
        description="安装并运行整个站点。Sets up and runs the whole site.",
        epilog="DATABASE_URL、REDIS_URL 设置后即取代内置的 PostgreSQL 与 Valkey。"
        " When set, DATABASE_URL and REDIS_URL are used instead of the embedded servers.",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="监听地址 address to listen on (default %(default)s)"
    )
    parser.add_argument("--port", type=_port, default=8000, help="端口 port (default %(default)s)")
    parser.add_argument(
        "--data-dir",
        default=os.environ.get("ZHENWEN_DATA_DIR", str(ROOT / "var")),
        help="数据目录 data folder (default %(default)s)",
    )
    parser.add_argument(
        "--workers", type=_count, default=2, help="网站进程数 web processes (default %(default)s)"
    )
    parser.add_argument(
        "--with-torch",
        action="store_true",
        help="同时安装 PyTorch（有 NVIDIA 显卡时自动）also install PyTorch",
    )
    parser.add_argument("--no-demo", action="store_true", help="不创建演示机构 make no demo institutions")
    parser.add_argument(
        "--once-ready-file",
        type=Path,
        metavar="FILE",
        help="就绪后写入 JSON write a JSON file once the site is ready",
    )
    return parser


def _port(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if not 1 <= number <= 65535:
        raise argparse.ArgumentTypeError("1–65535")
    return number


def _count(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if not 1 <= number <= 64:
        raise argparse.ArgumentTypeError("1–64")
    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
