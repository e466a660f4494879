"""The models that a warm worker holds, and how another takes over without a call or a paper noticing.

A thread looks once a second at what operators have asked for. It loads a version beside the one that serves,
has it checked and warmed up, and only then puts it in the other's place: one reference, changed between two
calls. The one before stays loaded, so that going back takes no time.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connections

from detection.engine import ScorerClosed, SharedScorer
from detection.model_loading import fits_beside, load_checked
from detection.models import ModelVersion, Priority
from detection.selectors.model_versions import activating_model_version, active_model_version
from detection.services.model_versions import confirm_activation, refuse_activation
from detection.services.realtime_worker import RealtimeWorker
from detection.services.scoring import score_next
from zhenwen.jobs.lasting import keep_for_good
from zhenwen.jobs.pool import WorkPool
from zhenwen.jobs.queues import REALTIME
from zhenwen.jobs.workers import run_warm_worker
from zhenwen.observability.metrics import MODEL_CHANGE_SECONDS, WORKER_INFO

logger = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
# A version that could not be loaded is tried again: its folder may have been repaired.
TRY_AGAIN_SECONDS = 30.0
DRAIN_SECONDS = 120.0

# For at most so long one thread keeps the model's from the interpreter. Python's own five milliseconds are a
# good part of a forward pass, and would be lost after each.
SWITCH_SECONDS = 0.0005


class Load(Protocol):
    def __call__(self, version: ModelVersion, *, beside: bool) -> SharedScorer:
        """`beside`: another model serves meanwhile, and must not be slowed down."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    version: ModelVersion
    scorer: SharedScorer

    def is_of(self, version: ModelVersion) -> bool:
        known = self.version
        return (known.digest, known.calibration_digest) == (version.digest, version.calibration_digest)

    def is_alive(self) -> bool:
        try:
            self.scorer.submit([], tenant=0)
        except ScorerClosed:
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Refusal:
    version: ModelVersion
    reason: str
    at: float


class WarmModels:
    """Which model serves in this process. Any thread may ask; only the thread that watches changes it."""

    def __init__(self, *, queue: str, load: Load = load_checked) -> None:
        self._queue = queue
        self.load = load
        self._changed = threading.Condition()
        self._serving: LoadedModel | None = None
        self._previous: LoadedModel | None = None
        self._put_aside: list[LoadedModel] = []
        self._borrowers: dict[LoadedModel, int] = {}
        self._has_served = False
        self._loading: ModelVersion | None = None
        self._refusal: _Refusal | None = None

    def current(self) -> LoadedModel | None:
        """The model that serves now; None while none does. Never blocks.

        Its scorer answers whatever was submitted, even if another takes over meanwhile. Should it raise
        ScorerClosed on submission, another has taken over just now: ask again.
        """
        return self._serving

    def is_ready(self) -> bool:
        return self._serving is not None

    @contextmanager
    def borrowed(self) -> Iterator[LoadedModel | None]:
        """The model that serves now, kept for as long as this lasts, whichever serves meanwhile."""
        with self._changed:
            model = self._serving
            if model is not None:
                self._borrowers[model] = self._borrowers.get(model, 0) + 1
        try:
            yield model
        finally:
            if model is not None:
                with self._changed:
                    self._borrowers[model] -= 1
                    self._changed.notify_all()

    def says(self) -> dict[str, str]:
        """For operators: what serves here, what is being loaded, what was refused and why."""
        said: dict[str, str] = {}
        model, loading, refusal = self._serving, self._loading, self._refusal
        if model is not None:
            said |= {
                "model": model.scorer.model_name,
                "digest": model.version.digest,
                "backend": str(model.scorer.backend),
            }
        if loading is not None:
            said["loading"] = loading.digest
        if refusal is not None:
            said |= {"refused": refusal.version.digest, "reason": refusal.reason}
        return said

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Load what is active, then do as operators ask for as long as this lasts."""
        done = threading.Event()
        self._look_unless_away()
        watcher = threading.Thread(target=self._look_until, args=(done,), name="models", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
            self.close()

    def close(self) -> None:
        """Answer what was submitted, and end."""
        for model in filter(None, (self._serving, self._previous, *self._put_aside)):
            model.scorer.close()

    def look(self) -> None:
        """Do what operators have asked for since the last look. Raises DatabaseError."""
        self._bury_the_dead()
        self._close_what_nobody_uses()
        active, asked = active_model_version(), activating_model_version()
        if active is not None and not (self._serving and self._serving.is_of(active)):
            self._change_to(active)
        if asked is not None:
            self._change_to(asked)

    def _look_until(self, done: threading.Event) -> None:
        while not done.wait(LOOK_SECONDS):
            self._look_unless_away()
        connections.close_all()

    def _look_unless_away(self) -> None:
        close_old_connections()
        try:
            self.look()
        except DatabaseError as error:
            logger.warning("database away, models stay as they are", error_type=type(error).__name__)
            connections.close_all()

    def _change_to(self, version: ModelVersion) -> None:
        if self._was_refused_lately(version):
            return
        began = time.monotonic()
        held = self._held(version)
        try:
            model = held or self._loaded(version)
        except Exception as error:
            self._refuse(version, error)
            MODEL_CHANGE_SECONDS.labels("refused").observe(time.monotonic() - began)
            return
        if held is None:
            self._put_aside.append(model)  # and closed before long, unless it comes to serve
        is_active = version.status == ModelVersion.Status.ACTIVE
        if is_active or confirm_activation(model_version=version):
            if not self._has_served:
                self._has_served = True
                keep_for_good()
            self._serve(model)
            MODEL_CHANGE_SECONDS.labels("changed").observe(time.monotonic() - began)
            logger.info("model serves", digest=version.digest, seconds=round(time.monotonic() - began, 3))

    def _held(self, version: ModelVersion) -> LoadedModel | None:
        held = filter(None, (self._serving, self._previous, *self._put_aside))
        return next((model for model in held if model.is_of(version)), None)

    def _loaded(self, version: ModelVersion) -> LoadedModel:
        self._loading = version
        try:
            self._make_room(version)
            return LoadedModel(version, self.load(version, beside=self._serving is not None))
        finally:
            self._loading = None

    def _serve(self, model: LoadedModel) -> None:
        with self._changed:
            before = self._serving
            if model in self._put_aside:
                self._put_aside.remove(model)
            if before is not model:
                if self._previous not in (None, model):
                    self._put_aside.append(self._previous)
                self._previous = before
            self._serving = model
            self._refusal = None
        for one, number in ((before, 0), (model, 1)):
            if one is not None:
                WORKER_INFO.labels(*self._labels(one)).set(number)

    def _labels(self, model: LoadedModel) -> tuple[str, ...]:
        backend = model.scorer.backend
        return (
            self._queue,
            model.scorer.model_name,
            model.version.digest[:12],
            backend.name,
            backend.device,
            backend.precision,
        )

    def _refuse(self, version: ModelVersion, error: Exception) -> None:
        reason = str(error) or type(error).__name__
        self._refusal = _Refusal(version, reason, time.monotonic())
        logger.error("model refused", digest=version.digest, reason=reason)
        refuse_activation(model_version=version, reason=reason)

    def _was_refused_lately(self, version: ModelVersion) -> bool:
        refusal = self._refusal
        if refusal is None or version.status == ModelVersion.Status.ACTIVATING:
            return False
        return refusal.version.pk == version.pk and time.monotonic() - refusal.at < TRY_AGAIN_SECONDS

    def _make_room(self, version: ModelVersion) -> None:
        """Where two models do not fit: first the one before goes, then, once idle, the one that serves."""
        if fits_beside(version):
            return
        with self._changed:
            spare, self._previous = self._previous, None
        if spare is not None:
            self._put_aside.append(spare)
            self._close_what_nobody_uses()
        if self._serving is None or fits_beside(version):
            return
        logger.warning("not enough memory for two models: draining", digest=version.digest)
        with self._changed:
            self._put_aside.append(self._serving)
            self._serving = None
            self._changed.wait_for(lambda: not any(self._borrowers.values()), DRAIN_SECONDS)
        self._close_what_nobody_uses()

    def _close_what_nobody_uses(self) -> None:
        with self._changed:
            idle = [model for model in self._put_aside if not self._borrowers.get(model)]
            self._put_aside = [model for model in self._put_aside if model not in idle]
            for model in idle:
                self._borrowers.pop(model, None)
        for model in idle:
            model.scorer.close()

    def _bury_the_dead(self) -> None:
        """An engine that died of a fault of its own is loaded anew."""
        with self._changed:
            if self._serving is not None and not self._serving.is_alive():
                logger.error("the engine died", digest=self._serving.version.digest)
                self._serving = None


def serve_queue(*, queue: str, load: Load = load_checked) -> None:
    """Score the detections of one queue until told to stop, several at once, all by the one model."""
    sys.setswitchinterval(SWITCH_SECONDS)
    models = WarmModels(queue=queue, load=load)
    with models.watched():
        pool = WorkPool(
            lambda: score_next(priority=Priority(queue), borrow_model=models.borrowed),
            threads=settings.DOCUMENTS_AT_ONCE,
            is_ready=models.is_ready,
        )
        # While no realtime worker lives, the one for papers answers calls.
        with RealtimeWorker(models.current, is_standby=queue != REALTIME).running():
            run_warm_worker(queue=queue, pool=pool, describe=models.says)
