"""A reward function that does what the gold answer says, for tests that load it by its path."""

# ruff: noqa: ARG001 - verl's signature

import os
import time
import zlib

import numpy


def compute_score(data_source, solution_str, ground_truth, extra_info=None, bonus=0.0):
    if ground_truth == "raise":
        raise KeyError("no such answer")
    if ground_truth == "leave":
        raise SystemExit(3)
    if ground_truth == "hang":
        time.sleep(3600)
    if ground_truth == "exit":
        os._exit(0)
    if ground_truth == "abort":
        os.abort()
    if ground_truth == "fork" and os.fork() == 0:
        return {"score": 0.0, "pred": "the child"}
    if ground_truth == "fork and raise" and os.fork() == 0:
        raise KeyError("the child")
    if ground_truth == "print":
        print("noise " * 200_000, flush=True)
    if ground_truth == "allocate":
        numpy.ones(1 << 30)  # 8 GiB
    if ground_truth == "megabytes":
        return {"score": 1.0, "pred": "long " * 1_000_000}
    if ground_truth == "other keys":
        return {"score": 1.0, f"key {time.monotonic_ns()}": 1.0, "none": None}
    if ground_truth in ("tensor", "several"):
        import torch

        return torch.ones(1 if ground_truth == "tensor" else 3)
    return {
        "nan": float("nan"),
        "infinite": {"score": 1.0, "acc": float("inf")},
        "string": "1.0",
        "none": None,
        "no score": {"reward": 1.0},
        "object": object(),
        "number": 1,
        "share": {"score": 0.5 + zlib.crc32(solution_str.encode()) / 2**33, "acc": True},
        "partial": {"score": 0.25 + bonus, "acc": 0.25, "pred": 7, "format": numpy.float32(0.5), "style": "plain"},
    }.get(ground_truth, {"score": 1.0, "pred": "fine"})


async def awaited(data_source, solution_str, ground_truth, extra_info=None):
    return float(solution_str == ground_truth)
