"""Eight-bit integers for the CPU, and the measurement that decides whether they serve.

NNCF quantises the model statically, with the ranges of real texts. CPUs run it by default only if on the
development sets it ranks as well as before and says the same of all but a few texts.
"""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from tqdm import tqdm

from detection.engine import Manifest, ModelScorer, load_model_folder, read_manifest, write_manifest
from detection.engine.backends import INT8, OPENVINO
from detection.engine.golden import golden_deviation
from detection.engine.manifest import INT8_IR_FILE, INT8_IR_WEIGHTS_FILE, IR_FILE, IR_WEIGHTS_FILE
from detection.engine.openvino_backend import export_ir
from detection.engine.openvino_runtime import ov
from detection.engine.processor import has_fast_bfloat16
from detection.scoring.types import SegmentInput
from detection.training.calibrate import calibration_texts
from detection.training.documents import Document, spread, whole
from detection.training.export import MOST_BYTES
from detection.training.judging import Judged, judge
from detection.training.measures import auroc
from detection.training.scores import RememberingScorer, prepared_texts
from detection.training.tables import arrays
from detection.training.texts import measured_texts

MOST_AUROC_LOST = 0.002
MOST_VERDICTS_CHANGED = 0.005
LEAST_SPEED_RATIO = (
    1.2  # for less, nobody's verdict should change; 1.04 to 1.12 was seen of one shape of model
)
TEXTS = {"dev": 700, "dev_ood": 600, "dev_fpr": 400}
_CALIBRATING_SEGMENTS = 256
_LONGEST_CHARACTERS = 1500
_CHUNK_SEGMENTS = 32
_SEED = 13
# Products with a constant of 0, 1 and -1, which is exact as it is; and the last step, which costs nothing.
_NOT_QUANTISED = [r".*attention\.self/aten::matmul.*", r".*classifier.*"]

Content = dict[str, Any]


def quantise(*, folder: Path, data: Path, docs: Path) -> Content:
    """Quantise a calibrated model folder, measure, decide, and write the table into `docs`.

    The folder changes only where the decision is for it: it gains the 8-bit IR, its manifest says that CPUs
    run it, and its half-precision IR goes where both together would be too large. Takes minutes.
    """
    manifest = read_manifest(folder)
    with TemporaryDirectory() as work:
        candidate = Path(work) / folder.name
        shutil.copytree(folder, candidate)
        _renew_ir(candidate)  # so that both come of the same graph
        _sign(candidate, manifest, cpu_precision=None)
        before = load_model_folder(candidate, backend=OPENVINO)
        _write_int8_ir(candidate, before, _calibrating_segments(data))
        signed = _sign(candidate, manifest, cpu_precision=INT8)
        int8 = load_model_folder(candidate, backend=OPENVINO, precision=INT8)
        table = _measured(before, int8, _documents(data), Path(work) / "scores")
        table["golden_deviation"] = round(golden_deviation(candidate, scorer=int8), 3)
        table["is_chosen"] = is_good_enough(table)
        if table["is_chosen"]:
            _fit(candidate, signed)
            _replace(folder, candidate)
    docs.mkdir(parents=True, exist_ok=True)
    (docs / "quantisation.json").write_text(json.dumps(table, ensure_ascii=False, indent=1) + "\n", "utf-8")
    (docs / "quantisation.md").write_text(as_markdown(table), "utf-8")
    return table


def is_good_enough(table: Content) -> bool:
    ranks_well = all(row["auroc_lost"] < MOST_AUROC_LOST for row in table["sets"] if "auroc_lost" in row)
    changed: float = table["verdicts_changed_share"]
    return ranks_well and changed < MOST_VERDICTS_CHANGED and table["speed_ratio"] >= LEAST_SPEED_RATIO


def int8_model(ir: Path, samples: Sequence[Content]) -> ov.Model:
    """The model of an IR with weights and activations in 8 bits, by the ranges it shows on `samples`."""
    import nncf

    return nncf.quantize(
        ov.Core().read_model(ir),
        nncf.Dataset(samples),
        subset_size=len(samples),
        model_type=nncf.ModelType.TRANSFORMER,
        ignored_scope=nncf.IgnoredScope(patterns=_NOT_QUANTISED, validate=False),
    )


def as_markdown(table: Content) -> str:
    """The table for the model card."""
    lines = [
        f"# {table['model']}: int8 beside {table['precision_before']} on a CPU",
        "",
        f"| texts | human | AI | AUROC {table['precision_before']} | AUROC int8 | lost | verdicts changed |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in table["sets"]:
        ranks = [row.get(name, "–") for name in ("auroc_before", "auroc_int8", "auroc_lost")]
        changed = f"{row['verdicts_changed']} of {row['human'] + row['ai']}"
        cells = [row["set"], row["human"], row["ai"], *ranks, changed]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    became = ", ".join(f"{pair}: {count}" for pair, count in table["verdicts_became"].items()) or "none"
    lines += [
        "",
        f"Verdicts changed for {table['verdicts_changed_share']:.2%} of all texts ({became}).",
        f"Score of a text, largest and median change in log-odds: {table['score_change_largest']}, "
        f"{table['score_change_median']}; of the golden texts at most {table['golden_deviation']}.",
        f"Speed, measured side by side on the same segments: {table['speed_ratio']} times.",
        f"So int8 is {'' if table['is_chosen'] else 'not '}what CPUs run. To be that, it has to lose less "
        f"than {MOST_AUROC_LOST} of AUROC on each set, change the verdicts of less than "
        f"{MOST_VERDICTS_CHANGED:.1%} of the texts, and be {LEAST_SPEED_RATIO} times as fast.",
        "",
    ]
    return "\n".join(lines)


def _renew_ir(folder: Path) -> None:
    for stale in (INT8_IR_FILE, INT8_IR_WEIGHTS_FILE):
        (folder / stale).unlink(missing_ok=True)
    export_ir(folder, folder, is_per_token=True)


def _write_int8_ir(folder: Path, scorer: ModelScorer, segments: Sequence[SegmentInput]) -> None:
    samples = []
    for encoded in scorer.encode(segments):
        batch = scorer.new_batch(encoded.padded_length, capacity=1)
        batch.add(encoded.tokens.ids)
        samples.append({"input_ids": batch.input_ids, "attention_mask": batch.attention_mask})
    ov.save_model(int8_model(folder / IR_FILE, samples), folder / INT8_IR_FILE, compress_to_fp16=True)


def _calibrating_segments(data: Path) -> list[SegmentInput]:
    by_origin = (lambda t: t.label, lambda t: t.kind, lambda t: t.source)
    texts = spread(calibration_texts(data), by_origin, _CALIBRATING_SEGMENTS, _SEED)
    return [segment for p in prepared_texts([t.text for t in texts]) for segment in p.segments[:1]]


def _documents(data: Path) -> dict[str, list[Document]]:
    by_origin = (lambda t: t.label, lambda t: t.source, lambda t: t.generator)
    documents = {}
    for name, count in TEXTS.items():
        chosen = spread(measured_texts(data, name), by_origin, count, _SEED)
        documents[name] = [whole(text).shortened(_LONGEST_CHARACTERS) for text in chosen]
    return documents


def _measured(
    before: ModelScorer, int8: ModelScorer, documents: dict[str, list[Document]], cache: Path
) -> Content:
    scorers = [RememberingScorer(scorer, cache) for scorer in (before, int8)]
    ratio = _speed_ratio(scorers, [document for of_set in documents.values() for document in of_set])
    rows: list[Content] = []
    became: Counter[str] = Counter()
    changes: list[float] = []
    for name, of_set in documents.items():
        old, new = (judge(of_set, scorer, before.calibration) for scorer in scorers)
        pairs = list(zip(old, new, strict=True))
        became.update(f"{a.verdict} → {b.verdict}" for a, b in pairs if a.verdict is not b.verdict)
        changes += [abs(a.score - b.score) for a, b in pairs]
        rows.append(_row(name, old, new))
    texts = sum(row["human"] + row["ai"] for row in rows)
    return {
        "model": before.model_name,
        "precision_before": before.backend.precision,
        "has_amx": has_fast_bfloat16(),
        "sets": rows,
        "verdicts_changed_share": round(became.total() / texts, 5),
        "verdicts_became": dict(became.most_common()),
        "score_change_largest": round(max(changes), 3),
        "score_change_median": round(float(np.median(changes)), 4),
        "speed_ratio": round(ratio, 2),
    }


def _row(name: str, old: Sequence[Judged], new: Sequence[Judged]) -> Content:
    (before, is_ai), (after, _) = arrays(old), arrays(new)
    row: Content = {
        "set": name,
        "human": int((~is_ai).sum()),
        "ai": int(is_ai.sum()),
        "verdicts_changed": sum(a.verdict is not b.verdict for a, b in zip(old, new, strict=True)),
    }
    if row["human"] and row["ai"]:
        ranks = auroc(before, is_ai), auroc(after, is_ai)
        row |= {"auroc_before": round(ranks[0], 4), "auroc_int8": round(ranks[1], 4)}
        row["auroc_lost"] = round(ranks[0] - ranks[1], 4)
    return row


def _speed_ratio(scorers: Sequence[RememberingScorer], documents: Sequence[Document]) -> float:
    """How many times as fast the second is; the two take turns, chunk by chunk, and medians count."""
    segments = [s for p in prepared_texts([d.text for d in documents]) for s in p.segments]
    segments.sort(key=lambda segment: len(segment.text))
    ratios = []
    for first in tqdm(range(0, len(segments), _CHUNK_SEGMENTS), desc="measuring"):
        seconds = []
        for scorer in scorers:
            started = time.perf_counter()
            scorer.score(segments[first : first + _CHUNK_SEGMENTS])
            seconds.append(time.perf_counter() - started)
        ratios.append(seconds[0] / seconds[1])
    return float(np.median(ratios))


def _sign(folder: Path, manifest: Manifest, *, cpu_precision: str | None) -> Manifest:
    return write_manifest(
        folder,
        name=manifest.name,
        version=manifest.version,
        description=manifest.description,
        cpu_precision=cpu_precision,
    )


def _fit(folder: Path, manifest: Manifest) -> None:
    """Bring the folder under its limit: in half precision the weights stay, the IR can be made of them."""
    if sum(file.stat().st_size for file in folder.iterdir()) > MOST_BYTES:
        for name in (IR_FILE, IR_WEIGHTS_FILE):
            (folder / name).unlink()
        _sign(folder, manifest, cpu_precision=manifest.cpu_precision)


def _replace(folder: Path, candidate: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(candidate, folder)
