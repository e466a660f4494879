"""Where things lie on disk."""

from __future__ import annotations

import errno
import shutil
from dataclasses import dataclass
from pathlib import Path

from zhenwen.supervisor.console import StartError

ROOT = Path(__file__).resolve().parents[3]
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"


@dataclass(frozen=True)
class Places:
    """The folders of one running site, all under its data folder."""

    data_dir: Path

    @property
    def logs(self) -> Path:
        return self.data_dir / "log"

    @property
    def run(self) -> Path:
        """What matters only while running: lock, process records, metrics."""
        return self.data_dir / "run"

    @property
    def metrics(self) -> Path:
        return self.run / "metrics"

    @property
    def environment(self) -> Path:
        return self.run / "environment.json"

    @property
    def cache(self) -> Path:
        """May be deleted: models converted for this machine."""
        return self.data_dir / "cache"

    @property
    def postgres(self) -> Path:
        return self.data_dir / "postgres"

    @property
    def valkey(self) -> Path:
        return self.data_dir / "valkey"

    @property
    def secrets(self) -> Path:
        return self.data_dir / "secrets.env"

    @property
    def demo(self) -> Path:
        return self.data_dir / "demo.json"

    def create(self) -> None:
        """Raises StartError when the data folder cannot be written."""
        try:
            for folder in (self.logs, self.run, self.valkey):
                folder.mkdir(parents=True, exist_ok=True)
            # PostgreSQL and the workers may run as another user, who passes through but may not list.
            for folder in (self.data_dir, self.run):
                folder.chmod(0o711)
            for folder in (self.logs, self.valkey):
                folder.chmod(0o700)
        except OSError as error:
            raise unusable_folder(self.data_dir, error) from error


def unusable_folder(folder: Path, error: OSError) -> StartError:
    if error.errno == errno.ENOSPC:
        return no_space(folder)
    return StartError(
        f"无法使用 {folder}（{error.strerror}）；数据目录可用 --data-dir 另选。",
        f"Cannot use {folder} ({error.strerror}); --data-dir chooses another data folder.",
    )


def no_space(folder: Path) -> StartError:
    return StartError(
        f"{folder} 所在磁盘已满，请腾出空间后重试。",
        f"The disk that holds {folder} is full; free some space and try again.",
    )


def require_free_space(folder: Path, *, size_bytes: int) -> None:
    """Raises StartError when the disk of the folder (or of its nearest existing parent) has less left."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free_bytes = shutil.disk_usage(existing).free
    if free_bytes < size_bytes:
        need, have = size_bytes // 2**20, free_bytes // 2**20
        raise StartError(
            f"磁盘空间不足：{existing} 需要 {need} MB，仅剩 {have} MB。",
            f"Not enough disk space at {existing}: {need} MB needed, {have} MB left.",
        )
