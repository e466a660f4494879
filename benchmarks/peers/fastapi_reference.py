"""The reference's own design, from its description: FastAPI, one process per core, torch in single precision,
an LRU cache in each process, Redis behind it, Prometheus metrics, one JSON log line for each request.

    uvicorn benchmarks.peers.fastapi_reference:app --workers <cores>

Set REFERENCE_MODEL to the model folder and REFERENCE_REDIS_URL to the server. Texts are cut at 512 tokens.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import time
from collections import OrderedDict
from typing import Any

import redis.asyncio
import torch
from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest
from pydantic import BaseModel, Field
from transformers import AutoModelForSequenceClassification, AutoTokenizer

LRU_SIZE = 10_000
REDIS_SECONDS = 3600
TOKENS_AT_MOST = 512

REQUESTS = Counter("reference_requests_total", "Requests by where the answer came from.", ["source"])
SECONDS = Histogram("reference_request_seconds", "Time of a request.")

torch.set_num_threads(1)  # the processes share the cores
folder = os.environ["REFERENCE_MODEL"]
tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
model: Any = AutoModelForSequenceClassification.from_pretrained(
    folder, local_files_only=True, dtype=torch.float32
).eval()
server = redis.asyncio.Redis.from_url(os.environ["REFERENCE_REDIS_URL"])
lru: OrderedDict[str, dict[str, Any]] = OrderedDict()
one_at_a_time = asyncio.Lock()
logger = logging.getLogger("reference")
logging.basicConfig(level=logging.INFO, format="%(message)s", filename=os.environ.get("REFERENCE_LOG"))
app = FastAPI()


class Question(BaseModel):
    text: str = Field(min_length=1, max_length=20_000)


class Answer(BaseModel):
    label: str
    p_ai: float
    cached: bool
    milliseconds: float


@app.post("/detect")
async def detect(question: Question) -> Answer:
    began = time.perf_counter()
    key = hashlib.sha256(question.text.encode()).hexdigest()
    found, source = await _remembered(key)
    if found is None:
        async with one_at_a_time:
            found = await asyncio.to_thread(_classified, question.text)
        _keep(key, found)
        await server.set(f"reference:{key}", json.dumps(found), ex=REDIS_SECONDS)
    seconds = time.perf_counter() - began
    REQUESTS.labels(source).inc()
    SECONDS.observe(seconds)
    logger.info(json.dumps({"event": "detect", "source": source, "milliseconds": 1000 * seconds, **found}))
    return Answer(**found, cached=source != "model", milliseconds=1000 * seconds)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy"}


@app.get("/metrics")
async def metrics() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _remembered(key: str) -> tuple[dict[str, Any] | None, str]:
    if key in lru:
        lru.move_to_end(key)
        return lru[key], "lru"
    kept = await server.get(f"reference:{key}")
    if kept is None:
        return None, "model"
    found: dict[str, Any] = json.loads(kept)
    _keep(key, found)
    return found, "redis"


def _keep(key: str, found: dict[str, Any]) -> None:
    lru[key] = found
    if len(lru) > LRU_SIZE:
        lru.popitem(last=False)


def _classified(text: str) -> dict[str, Any]:
    encoded = tokenizer(text, truncation=True, max_length=TOKENS_AT_MOST, return_tensors="pt")
    with torch.inference_mode():
        p_ai = float(model(**encoded).logits.softmax(-1)[0, 1])
    return {"label": "ai" if p_ai > 0.5 else "human", "p_ai": p_ai}
