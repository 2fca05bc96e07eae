"""Adaptive average pooling for ONNX, where the result's size need not divide the map's.

Each value is the mean over floor(i n / m) to ceil((i + 1) n / m) - 1 of a side of n values brought to m, so a
side is one product with a fixed matrix.
"""

from typing import Any

import torch
from torch import Tensor

OPERATOR = "aten::adaptive_avg_pool2d"


def symbolic(g: Any, x: Any, size: Any) -> Any:
    """[N, C, H, W] -> [N, C, h, w], by the sizes that the trace has seen: they follow from the backbone's."""
    node = g.original_node
    (height, width), (rows, columns) = (
        value.type().sizes()[2:] for value in (next(node.inputs()), node.output())
    )
    if rows == columns == 1:
        return g.op("GlobalAveragePool", x)
    by_rows = g.op("Constant", value_t=means(height, rows))
    by_columns = g.op("Constant", value_t=means(width, columns).t().contiguous())
    return g.op("MatMul", by_rows, g.op("MatMul", x, by_columns))


def means(size: int, parts: int) -> Tensor:
    """The matrix [parts, size] that takes the means of a side."""
    matrix = torch.zeros(parts, size)
    for i in range(parts):
        start, stop = i * size // parts, -(-(i + 1) * size // parts)
        matrix[i, start:stop] = 1 / (stop - start)
    return matrix
