"""The product's workers with a model, or a reader, that a test can slow down or break.

`python tests/jobs/workers.py warm` scores with a fake model that takes SCORING_SECONDS.
`python tests/jobs/workers.py extract` reads with a reader that does what READING says.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from typing import Any

import django
from django.core.management import call_command


def fake_model() -> Any:
    from tests.services.detections import FakeModel

    seconds = float(os.environ.get("SCORING_SECONDS", "0"))
    return FakeModel(lambda: time.sleep(seconds))


def reader(reading: str) -> Any:
    from detection.extraction import extract_file

    def read(*, data: bytes, filename: str) -> Any:
        if reading == "slow":
            time.sleep(60)
        if reading == "spinning":
            while True:
                pass
        if reading == "crashing":
            os.abort()
        if reading == "greedy":
            bytearray(16 * 1024**3)
        if reading == "writing":
            with tempfile.TemporaryFile() as file:
                file.truncate(1024**3)
        return extract_file(data=data, filename=filename)

    return read


def main(kind: str) -> None:
    django.setup()
    if kind == "warm":
        from detection.serving import serve_queue

        serve_queue(queue="documents", load=lambda version, *, beside: fake_model())
    else:
        from detection.services import extraction

        vars(extraction)["extract_file"] = reader(os.environ.get("READING", ""))
        call_command("extract_worker")


if __name__ == "__main__":
    main(sys.argv[1])
