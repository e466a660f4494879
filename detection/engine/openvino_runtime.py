"""OpenVINO as this product uses it: silent, and safe for several threads from the first call on."""

from __future__ import annotations

import sys

import numpy as np

# Importing OpenVINO sends an event to its makers, from a forked process, unless this package is missing.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino as ov  # noqa: E402 - not before the line above

# The first look at a tensor's data sets up the bridge to numpy under a lock of its own, while the
# interpreter's changes hands: two threads whose first looks meet would wait for each other forever. Imports
# come singly.
_ = ov.Tensor(np.zeros(1, dtype=np.int64)).data

__all__ = ["ov"]
