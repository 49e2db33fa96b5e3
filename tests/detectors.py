"""Detectors built by hand as ONNX files: they answer what they are told, in the layouts that tools export."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest


def constant_detector(
    path: Path, answer: np.ndarray, size: int = 64, props: dict[str, str] | None = None, *, dynamic: bool = False
) -> Path:
    """Write a detector that answers the same table to every picture."""
    onnx = pytest.importorskip("onnx", reason="needs the package onnx")
    from onnx import TensorProto, helper, numpy_helper

    side: Any = "side" if dynamic else size
    nodes = [
        # The picture has to be used: multiplied by nothing, and added.
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "nothing"], ["none"]),
        helper.make_node("Add", ["table", "none"], ["output0"]),
    ]
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, side, side])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, list(answer.shape))],
        [
            numpy_helper.from_array(answer.astype(np.float32), "table"),
            numpy_helper.from_array(np.float32([0]), "nothing"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, props or {})
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def cells(size: int) -> int:
    """Cells of YOLO's three strides on a square picture."""
    return sum((size // stride) ** 2 for stride in (8, 16, 32))


def anchors_of(boxes: list[tuple[float, float, float, float, float, int]], size: int, classes: int) -> np.ndarray:
    """Return (N, 4 + C) rows, centre and size in pixels and class scores: N cells, the given boxes among them."""
    count = cells(size)
    table = np.zeros((count, 4 + classes), dtype=np.float32)
    table[:, :2] = size * (0.5 + 0.4 * np.sin(np.arange(count)[:, None] + [0.0, 1.0]))
    table[:, 2:4] = 8.0
    for row, (x0, y0, x1, y1, score, number) in enumerate(boxes):
        table[3 * row + 1, :4] = (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0
        table[3 * row + 1, 4 + number] = score
    return table


def yolov8(boxes: list[tuple[float, float, float, float, float, int]], size: int, classes: int) -> np.ndarray:
    """Return (1, 4 + C, N)."""
    return anchors_of(boxes, size, classes).T[None]


def yolov5(boxes: list[tuple[float, float, float, float, float, int]], size: int, classes: int) -> np.ndarray:
    """Return (1, 3 N, 5 + C): objectness is the square root of the score, and so is the class score."""
    table = np.repeat(anchors_of(boxes, size, classes), 3, axis=0)
    table[np.arange(len(table)) % 3 > 0, 4:] = 0
    shares = np.sqrt(table[:, 4:])
    return np.concatenate([table[:, :4], shares.max(axis=1, keepdims=True), shares], axis=1)[None]


def end_to_end(boxes: list[tuple[float, float, float, float, float, int]], rows: int = 300) -> np.ndarray:
    """Return (1, 300, 6): corners, score, class; empty rows at the end."""
    table = np.zeros((rows, 6), dtype=np.float32)
    table[: len(boxes)] = boxes
    return table[None]
