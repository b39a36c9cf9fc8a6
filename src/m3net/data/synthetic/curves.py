"""Smooth curves through few points."""

import numpy as np

from m3net.data.synthetic.canvas import Points

_STEPS = 6
_T = np.arange(_STEPS)[:, None] / _STEPS
# Catmull-Rom: each segment's points from its two ends and their outer neighbours.
_SPLINE = 0.5 * np.hstack(
    [
        -_T + 2 * _T**2 - _T**3,
        2 - 5 * _T**2 + 3 * _T**3,
        _T + 4 * _T**2 - 3 * _T**3,
        -(_T**2) + _T**3,
    ]
)
_NEIGHBOURS = np.arange(4)
_CIRCLE = np.linspace(0, 2 * np.pi, 24, endpoint=False)
_UNIT_CIRCLE = np.stack([np.cos(_CIRCLE), np.sin(_CIRCLE)], axis=1)


def corners(*points: tuple[float, float]) -> Points:
    """Give points as an array, to be joined by straight lines."""
    return np.array(points, dtype=np.float64)


def smooth(*points: tuple[float, float]) -> Points:
    """Give a smooth open curve through points, at least two.

    Example:
        >>> curve = smooth((0, 0), (1, 1), (2, 0))
        >>> curve.shape, curve[6].tolist(), curve[-1].tolist()
        ((13, 2), [1.0, 1.0], [2.0, 0.0])
    """
    knots = np.array((points[0], *points, points[-1]), dtype=np.float64)
    around = knots[np.arange(len(points) - 1)[:, None] + _NEIGHBOURS]
    # (6 steps, 4) @ (N - 1, 4, 2) -> (N - 1, 6, 2)
    curve = (_SPLINE @ around).reshape(-1, 2)
    return np.concatenate([curve, knots[-1:]])


def mirror(half: Points) -> Points:
    """Close the right half of a symmetrical outline by its mirror image."""
    return np.vstack([half, half[::-1] * (-1, 1)])


def ellipse(x: float, y: float, across: float, down: float) -> Points:
    """Give an ellipse by its centre and half axes."""
    return _UNIT_CIRCLE * (across, down) + (x, y)


def ribbon(middle: Points, half_widths: Points) -> Points:
    """Give the outline of a band along a line.

    Args:
        middle: (N, 2) float64.
        half_widths: (N,) float64, from the line to either side.
    """
    along = np.empty_like(middle)
    along[1:-1] = middle[2:] - middle[:-2]
    along[0], along[-1] = middle[1] - middle[0], middle[-1] - middle[-2]
    across = along[:, ::-1] * (-1, 1) * (half_widths / np.hypot(*along.T))[:, None]
    return np.concatenate([middle + across, (middle - across)[::-1]])
