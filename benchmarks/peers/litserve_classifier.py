"""The classifier behind LitServe, as its documentation shows it, batching switched on."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import litserve
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

BATCH_SIZE = 16
BATCH_SECONDS = 0.01


class Classifier(litserve.LitAPI):  # type: ignore[misc]
    def __init__(self, folder: str, dtype: torch.dtype) -> None:
        super().__init__(max_batch_size=BATCH_SIZE, batch_timeout=BATCH_SECONDS)
        self.folder = folder
        self.dtype = dtype

    def setup(self, device: str) -> None:
        self.tokenizer: Any = AutoTokenizer.from_pretrained(self.folder, local_files_only=True)
        model: Any = AutoModelForSequenceClassification.from_pretrained(
            self.folder, local_files_only=True, dtype=self.dtype
        )
        self.model = model.to(device).eval()

    def decode_request(self, request: dict[str, str]) -> str:
        return request["text"]

    def predict(self, texts: Sequence[str]) -> list[float]:
        encoded = self.tokenizer(
            list(texts), truncation=True, max_length=512, padding=True, return_tensors="pt"
        )
        with torch.inference_mode():
            logits = self.model(**encoded).logits.float()
        p_ai: list[float] = logits.softmax(-1)[:, 1].tolist()
        return p_ai

    def encode_response(self, p_ai: float) -> dict[str, float]:
        return {"p_ai": p_ai}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    arguments = parser.parse_args()
    api = Classifier(arguments.folder, getattr(torch, arguments.dtype))
    server = litserve.LitServer(api, accelerator="cpu", timeout=600)
    server.run(host="127.0.0.1", port=arguments.port, generate_client_file=False, log_level="warning")


if __name__ == "__main__":
    main()
