"""Ports: is one free, and if not, who holds it."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress

from zhenwen.supervisor.console import StartError
from zhenwen.supervisor.processes import PROC, all_pids, command_line


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(host: str, port: int) -> bool:
    """Raises StartError when the address is none of this machine's."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror:
        raise _unusable_host(host) from None
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except PermissionError:
            raise StartError(
                f"没有权限监听 {port} 端口，请用 --port 选择 1024 以上的端口。",
                f"No right to listen on port {port}; choose one above 1023 with --port.",
            ) from None
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise _unusable_host(host) from None
            return False
    return True


def require_free(host: str, port: int) -> None:
    if is_free(host, port):
        return
    who = port_holder(port)
    raise StartError(
        f"端口 {port} 已被占用{f'（{who}）' if who else ''}，请用 --port 另选一个。",
        f"Port {port} is in use{f' by {who}' if who else ''}; choose another with --port.",
    )


def port_holder(port: int) -> str:
    """'python3 (PID 12)' where /proc tells, else ''."""
    inodes = _listening_inodes(port)
    for pid in all_pids() if inodes else ():
        with suppress(OSError):
            for descriptor in (PROC / str(pid) / "fd").iterdir():
                with suppress(OSError):
                    if str(descriptor.readlink()) in inodes:
                        return f"{command_line(pid)[:60]} (PID {pid})"
    return ""


def accepts(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (PROC / "net" / table).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{fields[9]}]")
    return found


def _unusable_host(host: str) -> StartError:
    return StartError(
        f"本机没有地址 {host}，请检查 --host。", f"This machine has no address {host}; check --host."
    )


def browser_address(host: str, port: int) -> str:
    """Where a person on this machine opens the site."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"
