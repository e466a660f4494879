"""A realtime worker with a fake model that takes SCORING_SECONDS for each call; until it is killed."""

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
    with RealtimeWorker(lambda: model).running():
        threading.Event().wait()


if __name__ == "__main__":
    main()
