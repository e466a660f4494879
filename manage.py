#!/usr/bin/env python
"""Django's command line."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

# These work on a bare machine: no server, no database, no secrets.
OFFLINE_COMMANDS = {"score"}

if __name__ == "__main__":
    settings = "offline" if OFFLINE_COMMANDS & set(sys.argv[1:2]) else "live"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", f"zhenwen.settings.{settings}")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
