"""Numbers of the three result tables of the M3-Net paper, in percent.

Jiao, Gao, Meng, Shang, Sun: "Learning Attribute and Class-Specific Representation Duet for
Fine-Grained Fashion Analysis", CVPR 2023. They were made with the authors' code and training; the
rows of the other systems are as that paper gives them.
"""

import pandas as pd

from m3net.metrics.scores import OVERALL_BY_QUERIES

_ATTRIBUTES = {
    "fashionai": (
        *("skirt_length", "sleeve_length", "coat_length", "pant_length"),
        *("collar_design", "lapel_design", "neckline_design", "neck_design"),
    ),
    "darn": (
        *("clothes category", "clothes button", "clothes color", "clothes length"),
        *("clothes pattern", "clothes shape", "collar shape", "sleeve length", "sleeve shape"),
    ),
    "deepfashion": ("texture", "fabric", "shape", "part", "style"),
}
# MAP@all of each attribute; then, over all queries, MAP@all, MAP@100 and Recall@100.
_ROWS: dict[str, dict[str, tuple[float, ...]]] = {
    "fashionai": {
        "asen": (64.61, 49.98, 49.75, 65.76, 70.30, 62.86, 52.14, 56.42, 57.37, 64.70, 22.77),
        "asen_v2": (65.58, 54.42, 52.03, 67.41, 71.36, 66.76, 60.91, 59.58, 61.13, 67.85, 24.14),
        "asen_pp": (66.31, 57.51, 55.43, 68.83, 72.79, 66.85, 66.78, 67.02, 64.27, 70.62, 25.30),
        "modc": (74.54, 67.48, 68.25, 77.69, 81.11, 76.90, 77.46, 77.10, 74.32, 80.29, 30.26),
        "m3net_a": (73.21, 69.58, 65.27, 78.79, 80.80, 78.05, 77.04, 73.40, 73.93, 81.57, 30.48),
        "m3net_c": (74.33, 65.91, 64.27, 78.26, 82.00, 78.85, 74.80, 72.39, 72.88, 82.58, 30.77),
        "m3net": (75.27, 70.04, 67.90, 79.31, 82.82, 78.58, 76.81, 75.51, 75.04, 87.04, 32.01),
    },
    "darn": {
        "asen": (
            *(36.62, 46.01, 52.76, 56.85, 54.89, 56.85, 34.40, 79.95, 58.08),
            *(52.75, 58.72, 20.26),
        ),
        "asen_v2": (
            *(37.97, 49.24, 52.26, 59.13, 55.32, 59.06, 36.86, 81.54, 58.82),
            *(54.29, 59.66, 20.88),
        ),
        "asen_pp": (
            *(40.21, 50.04, 53.14, 59.83, 57.41, 59.70, 37.45, 83.70, 60.41),
            *(55.78, 61.09, 21.51),
        ),
        "modc": (
            *(49.94, 60.75, 58.79, 66.34, 62.24, 68.41, 45.14, 87.41, 65.32),
            *(62.56, 72.16, 26.76),
        ),
        "m3net_a": (
            *(59.16, 69.94, 68.18, 72.58, 72.87, 76.21, 60.22, 89.36, 71.58),
            *(71.06, 78.12, 30.77),
        ),
        "m3net_c": (
            *(60.98, 70.91, 68.52, 74.95, 74.48, 79.15, 63.09, 90.31, 73.00),
            *(72.79, 81.46, 31.64),
        ),
        "m3net": (
            *(60.54, 70.39, 69.52, 73.97, 74.40, 77.83, 61.63, 90.03, 73.94),
            *(72.42, 82.69, 31.34),
        ),
    },
    "deepfashion": {
        "asen": (21.03, 11.61, 14.68, 7.81, 4.66, 12.33, 20.60, 5.10),
        "asen_v2": (21.86, 11.67, 14.58, 7.93, 4.68, 12.51, 20.55, 4.99),
        "asen_pp": (22.20, 11.71, 14.70, 8.15, 4.72, 12.74, 20.79, 5.21),
        "modc": (22.26, 11.98, 14.68, 7.96, 5.23, 12.78, 22.21, 6.06),
        "m3net_a": (27.37, 18.34, 22.96, 14.66, 9.74, 19.03, 28.14, 10.59),
        "m3net_c": (30.09, 19.60, 25.24, 16.43, 11.32, 20.92, 30.58, 12.10),
        "m3net": (30.79, 20.20, 27.11, 17.28, 11.61, 21.78, 35.08, 12.88),
    },
}


def published_scores(dataset: str) -> pd.DataFrame:
    """Give the published numbers of a data set.

    Args:
        dataset: "fashionai", "darn" or "deepfashion".

    Returns:
        Columns system, attribute, metric (named as in scores.csv), value in [0, 1].

    Example:
        >>> table = published_scores("fashionai")
        >>> table[(table.system == "m3net") & (table.metric == "map_100")].value.tolist()
        [0.8704]
    """
    cells = [(name, "map_all") for name in _ATTRIBUTES[dataset]]
    cells += [(OVERALL_BY_QUERIES, metric) for metric in ("map_all", "map_100", "recall_100")]
    rows = [
        (system, attribute, metric, round(value / 100, 6))
        for system, values in _ROWS[dataset].items()
        for (attribute, metric), value in zip(cells, values, strict=True)
    ]
    return pd.DataFrame(rows, columns=["system", "attribute", "metric", "value"])
