"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from benchmarks.places import ROOT

_PACKAGES = ("Django", "granian", "openvino", "torch", "transformers")
_ACCELERATING = ("avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")


def description() -> dict[str, str]:
    return {
        "processor": f"{cores()} × {_cpuinfo('model name') or 'unknown'}",
        "instructions": ", ".join(flag for flag in _ACCELERATING if flag in _cpuinfo("flags").split()) or "–",
        "memory": f"{_memory_gib():.0f} GiB",
        "python": platform.python_version(),
        "packages": ", ".join(f"{name} {_version(name)}" for name in _PACKAGES),
        "commit": _commit(),
        "load_before": f"{os.getloadavg()[0]:.2f}",
    }


def cores() -> int:
    """Those this process may use."""
    return len(os.sched_getaffinity(0))


def _cpuinfo(field: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), "")


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip() or "unknown"
