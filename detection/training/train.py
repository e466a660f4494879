"""Fine-tuning the encoder to give every token its log-odds of AI. Goes on from the last checkpoint.

As if it had not stopped, to the bit, where tokens and not minutes end the run.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional
from tokenizers import Tokenizer
from tqdm import tqdm

from detection.engine.roformer import fuse_attention
from detection.training.augmentation import Marks, token_number
from detection.training.batches import Batch, Feed
from detection.training.configuration import TrainingPlan
from detection.training.corpora import TrainingText
from detection.training.errors import PipelineError
from detection.training.reading import fast_type, mean_of_text, token_odds, training_device
from detection.training.recipe import training_recipe
from detection.training.replacing import replaced
from detection.training.sampling import Sampler
from detection.training.teaching import Teachers, load_teachers

CHECKPOINT_FILE = "checkpoint.pt"
LOG_FILE = "log.jsonl"
FINAL_FOLDER = "final"
LOG_STEPS = 50
_AVERAGE_WARMUP = 0.2
_LEAST_RATE = 0.02
_MOST_PROCESSES = 8  # that make batches for a GPU
_CPU_TOKENS = 4096  # at once: what it computes on stays near it; a larger batch is read in parts


@dataclass(frozen=True, slots=True)
class Place:
    """Where a training stands. `pool` and `batch` say what comes next."""

    step: int = 0
    tokens: int = 0
    pool: int = 0
    batch: int = 0
    seconds: float = 0.0


def train(
    *,
    plan: TrainingPlan,
    base: Path,
    texts: Sequence[TrainingText],
    target: Path,
    doubts: npt.NDArray[np.float32] | None = None,
    teachers: Sequence[Path] = (),
    legal_teachers: Sequence[Path] = (),
    most_steps: int | None = None,
) -> Place:
    """Train to the end of the plan, or for `most_steps` more steps; the averaged weights go to `final`.

    `base` holds weights to begin with and their tokenizer.json: the encoder, or a model to go on from.
    `doubts`: of a model in each text, as `mine` found them. `teachers`: models of the same vocabulary; the
    mean of their log-odds, of tokens and of the whole, counts beside the labels by `plan.teacher_share`; on
    legal texts that of `legal_teachers` instead, if there are any.

    Raises PipelineError for a teacher of another vocabulary, one that the plan does not ask for, none where
    it does, doubts in other texts, and a checkpoint of a training by another recipe.
    """
    if bool(teachers) != (plan.teacher_share != 0):
        wanted = "no teacher would be listened to" if teachers else "a teacher is needed (--teacher)"
        raise PipelineError(f"teacher_share is {plan.teacher_share:g} in the configuration: {wanted}")
    from transformers import AutoModelForTokenClassification

    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    sampler = Sampler(texts, plan, Marks.of(tokenizer), doubts)
    special = (token_number(tokenizer, "[CLS]"), token_number(tokenizer, "[SEP]"))
    recipe = training_recipe(
        plan=plan, base=base, texts=texts, doubts=doubts, teachers=teachers, legal_teachers=legal_teachers
    )
    model: Any = AutoModelForTokenClassification.from_pretrained(
        base, local_files_only=True, dtype=torch.float32
    )
    fuse_attention(model)
    device = training_device()
    run = Run(model, plan, device, load_teachers(teachers, legal_teachers, tokenizer, device))
    target.mkdir(parents=True, exist_ok=True)
    place = run.resume(target / CHECKPOINT_FILE, recipe)
    last = None if most_steps is None else place.step + most_steps
    started, saved = time.monotonic() - place.seconds, time.monotonic()
    with tqdm(total=plan.token_budget, initial=place.tokens, unit="tokens", desc="train") as bar:
        feed = Feed(sampler, plan.batch_tokens, special, place.pool)
        for pool, number, batch in feed.batches(processes=_processes(device)):
            if (pool, number) < (place.pool, place.batch):
                continue
            if place.tokens >= plan.token_budget or place.step == last:
                break
            if place.seconds >= plan.minutes * 60:
                break
            run.step(batch, place)
            read = int(batch.attention_mask.sum())
            place = Place(place.step + 1, place.tokens + read, pool, number + 1, time.monotonic() - started)
            bar.update(read)
            if place.step % LOG_STEPS == 0:
                _log(target, place, run)
            if time.monotonic() - saved > plan.checkpoint_minutes * 60:
                run.save(target / CHECKPOINT_FILE, place, recipe)
                saved = time.monotonic()
    run.save(target / CHECKPOINT_FILE, place, recipe)
    run.save_average(target / FINAL_FOLDER)
    shutil.copy(base / "tokenizer.json", target / FINAL_FOLDER)
    return place


def _processes(device: str) -> int:
    """How many make batches: none where one training takes all there is, as on a CPU."""
    return min(_MOST_PROCESSES, max(1, (os.cpu_count() or 2) - 1)) if device == "cuda" else 0


class Run:
    """The model, its optimizer and the running average of its weights.

    Where bfloat16 is fast the model computes in it; `weights` are its weights in single precision, and what
    the optimizer changes. Biases of dense layers stay as they are, for their gradients cost an eighth of the
    time on a CPU; embeddings too, so that words the corpora lack stay beside those they have.
    """

    def __init__(self, model: Any, plan: TrainingPlan, device: str, teachers: Teachers | None = None) -> None:
        self.plan = plan
        self.teachers = teachers
        self.device = device
        self.losses: deque[torch.Tensor] = deque(maxlen=LOG_STEPS)  # of the last steps
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = plan.dropout
            if isinstance(module, torch.nn.Linear) and module is not model.classifier:
                module.bias.requires_grad = False
            if isinstance(module, torch.nn.Embedding):
                module.weight.requires_grad = False
        model.to(device)
        self.weights = {name: value.detach().clone() for name, value in model.state_dict().items()}
        self.model = model.to(fast_type(device))
        self._learned = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        decayed = [self.weights[name] for name, p in self._learned.items() if p.ndim > 1]
        plain = [self.weights[name] for name, p in self._learned.items() if p.ndim < 2]
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": plan.weight_decay}, {"params": plain, "weight_decay": 0.0}],
            plan.learning_rate,
            fused=True,
        )
        self.average = {name: self.weights[name].clone() for name in self._learned}

    def step(self, batch: Batch, place: Place) -> None:
        torch.manual_seed(self.plan.seed + place.step)  # dropout is the same after a resume
        self.model.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.learning_rate * rate_factor(self.plan, place)
        loss = torch.stack([self._backwards(part, batch) for part in self._parts(batch)]).sum()
        for name, parameter in self._learned.items():
            self.weights[name].grad = None if parameter.grad is None else parameter.grad.float()
            parameter.grad = None
        learned = [self.weights[name] for name in self._learned]
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_copy_(list(self._learned.values()), learned)
            decay = min(self.plan.average_decay, 1 - 1 / ((place.step + 1) * _AVERAGE_WARMUP + 1))
            torch._foreach_lerp_(list(self.average.values()), learned, 1 - decay)
        self.losses.append(loss)  # not read here: a GPU would have to be waited for

    def _parts(self, batch: Batch) -> Iterator[Batch]:
        examples, tokens = batch.input_ids.shape
        at_once = examples if self.device != "cpu" else max(1, _CPU_TOKENS // tokens)
        for first in range(0, examples, at_once):
            yield batch.rows(slice(first, first + at_once))

    def _backwards(self, part: Batch, whole: Batch) -> torch.Tensor:
        """Adds to the gradients; returns what the part adds to the mean loss of the whole batch."""
        loss = self.loss(part) * (len(part.input_ids) / len(whole.input_ids))
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def loss(self, batch: Batch) -> torch.Tensor:
        """The whole segment by its mean log-odds, where one author wrote it; and every token by its own."""
        batch = batch.to(self.device)
        odds = token_odds(self.model, batch)
        targets = self._smoothed(batch.labels)
        segment_targets = self._smoothed(batch.labels.amax(1))  # only pure segments count
        if self.teachers:
            opinion = self.teachers.opinion(batch)
            targets = targets.lerp(opinion.sigmoid(), self.plan.teacher_share)
            segment_opinion = mean_of_text(opinion, batch).sigmoid()
            segment_targets = segment_targets.lerp(segment_opinion, self.plan.teacher_share)
        per_token = functional.binary_cross_entropy_with_logits(odds, targets, reduction="none")
        token_loss = mean_of_text(per_token, batch)
        segment_loss = functional.binary_cross_entropy_with_logits(
            mean_of_text(odds, batch), segment_targets, reduction="none"
        )
        share = self.plan.token_loss
        # A spliced segment has no label of its own: there the tokens take the whole weight.
        mixed = segment_loss * batch.is_pure + token_loss * (share + (1 - share) * (1 - batch.is_pure))
        return mixed.mean()

    def resume(self, path: Path, recipe: str) -> Place:
        """Raises PipelineError for a checkpoint of another recipe, or of none: it is older than recipes."""
        if not path.exists():
            return Place()
        content = torch.load(path, map_location=self.device, weights_only=True)
        if content.get("recipe") != recipe:
            raise PipelineError(
                f"{path} is of another training (settings, texts, doubts, teachers or first weights differ): "
                f"take another --work, or delete {path.parent}"
            )
        self.optimizer.load_state_dict(content["optimizer"])
        with torch.no_grad():
            for name, value in content["model"].items():
                self.weights[name].copy_(value)
            for name, value in content["ema"].items():
                self.average[name].copy_(value)
            self.model.load_state_dict(self.weights)
        return Place(**content["place"])

    def save(self, path: Path, place: Place, recipe: str) -> None:
        content = {
            "model": self.weights,
            "ema": self.average,
            "optimizer": self.optimizer.state_dict(),
            "place": {name: getattr(place, name) for name in Place.__slots__},
            "recipe": recipe,
        }
        with replaced(path) as beside:
            torch.save(content, beside)

    def save_average(self, folder: Path) -> None:
        """The averaged weights, with what never changed, as a folder that transformers loads."""
        state = {name: value.detach().cpu() for name, value in (self.weights | self.average).items()}
        self.model.save_pretrained(folder, state_dict=state)

    def _smoothed(self, labels: torch.Tensor) -> torch.Tensor:
        return labels * (1 - self.plan.label_smoothing) + self.plan.label_smoothing / 2


def rate_factor(plan: TrainingPlan, place: Place) -> float:
    """Linear warm-up, then linearly down to a fiftieth, by what ends the run first: tokens or minutes."""
    progress = max(place.tokens / plan.token_budget, place.seconds / (plan.minutes * 60))
    warm_up = min(1.0, (progress + plan.batch_tokens / plan.token_budget) / plan.warmup_share)
    return warm_up * max(_LEAST_RATE, 1 - progress)


def _log(target: Path, place: Place, run: Run) -> None:
    line = {
        "step": place.step,
        "tokens": place.tokens,
        "seconds": round(place.seconds),
        "loss": round(float(torch.stack(tuple(run.losses)).mean()), 4),
        "learning_rate": run.optimizer.param_groups[0]["lr"],
    }
    with (target / LOG_FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
