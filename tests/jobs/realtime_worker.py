"""A realtime worker, or with STANDBY=1 one that stands by, with a fake model; until it is killed.

Each call takes SCORING_SECONDS.
"""

from __future__ import annotations

import os
import threading
import time

import django


def main() -> None:
    django.setup()
    from detection.services.realtime_worker import RealtimeWorker
    from tests.services.realtime import FakeSharedScorer, serving

    seconds = float(os.environ.get("SCORING_SECONDS", "0"))
    model = serving(FakeSharedScorer(meanwhile=lambda: time.sleep(seconds)))
    is_standby = os.environ.get("STANDBY") == "1"
    with RealtimeWorker(lambda: model, is_standby=is_standby).running():
        threading.Event().wait()


if __name__ == "__main__":
    main()
