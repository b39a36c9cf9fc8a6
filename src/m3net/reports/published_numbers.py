"""Numbers of the three result tables of the M3-Net paper, in percent.

Jiao, Gao, Meng, Shang, Sun: "Learning Attribute and Class-Specific Representation Duet for
Fine-Grained Fashion Analysis", CVPR 2023. They were made with the authors' code and training; the
columns of the other systems are as that paper gives them.
"""

import io

import pandas as pd

from m3net.metrics.scores import OVERALL_BY_QUERIES

# MAP@all of each attribute; then MAP@all, MAP@100 and Recall@100 over all queries.
_TABLES = {
    "fashionai": """
attribute,       asen,     asen_v2,  asen_pp,  modc,     m3net_a,  m3net_c,  m3net
skirt_length,    64.61,    65.58,    66.31,    74.54,    73.21,    74.33,    75.27
sleeve_length,   49.98,    54.42,    57.51,    67.48,    69.58,    65.91,    70.04
coat_length,     49.75,    52.03,    55.43,    68.25,    65.27,    64.27,    67.90
pant_length,     65.76,    67.41,    68.83,    77.69,    78.79,    78.26,    79.31
collar_design,   70.30,    71.36,    72.79,    81.11,    80.80,    82.00,    82.82
lapel_design,    62.86,    66.76,    66.85,    76.90,    78.05,    78.85,    78.58
neckline_design, 52.14,    60.91,    66.78,    77.46,    77.04,    74.80,    76.81
neck_design,     56.42,    59.58,    67.02,    77.10,    73.40,    72.39,    75.51
map_all,         57.37,    61.13,    64.27,    74.32,    73.93,    72.88,    75.04
map_100,         64.70,    67.85,    70.62,    80.29,    81.57,    82.58,    87.04
recall_100,      22.77,    24.14,    25.30,    30.26,    30.48,    30.77,    32.01
""",
    "darn": """
attribute,        asen,     asen_v2,  asen_pp,  modc,     m3net_a,  m3net_c,  m3net
clothes category, 36.62,    37.97,    40.21,    49.94,    59.16,    60.98,    60.54
clothes button,   46.01,    49.24,    50.04,    60.75,    69.94,    70.91,    70.39
clothes color,    52.76,    52.26,    53.14,    58.79,    68.18,    68.52,    69.52
clothes length,   56.85,    59.13,    59.83,    66.34,    72.58,    74.95,    73.97
clothes pattern,  54.89,    55.32,    57.41,    62.24,    72.87,    74.48,    74.40
clothes shape,    56.85,    59.06,    59.70,    68.41,    76.21,    79.15,    77.83
collar shape,     34.40,    36.86,    37.45,    45.14,    60.22,    63.09,    61.63
sleeve length,    79.95,    81.54,    83.70,    87.41,    89.36,    90.31,    90.03
sleeve shape,     58.08,    58.82,    60.41,    65.32,    71.58,    73.00,    73.94
map_all,          52.75,    54.29,    55.78,    62.56,    71.06,    72.79,    72.42
map_100,          58.72,    59.66,    61.09,    72.16,    78.12,    81.46,    82.69
recall_100,       20.26,    20.88,    21.51,    26.76,    30.77,    31.64,    31.34
""",
    "deepfashion": """
attribute,  asen,     asen_v2,  asen_pp,  modc,     m3net_a,  m3net_c,  m3net
texture,    21.03,    21.86,    22.20,    22.26,    27.37,    30.09,    30.79
fabric,     11.61,    11.67,    11.71,    11.98,    18.34,    19.60,    20.20
shape,      14.68,    14.58,    14.70,    14.68,    22.96,    25.24,    27.11
part,       7.81,     7.93,     8.15,     7.96,     14.66,    16.43,    17.28
style,      4.66,     4.68,     4.72,     5.23,     9.74,     11.32,    11.61
map_all,    12.33,    12.51,    12.74,    12.78,    19.03,    20.92,    21.78
map_100,    20.60,    20.55,    20.79,    22.21,    28.14,    30.58,    35.08
recall_100, 5.10,     4.99,     5.21,     6.06,     10.59,    12.10,    12.88
""",
}
_OVERALL = ("map_all", "map_100", "recall_100")


def published_scores(dataset: str) -> pd.DataFrame:
    """Return the published numbers of a data set.

    Args:
        dataset: "fashionai", "darn" or "deepfashion".

    Returns:
        Columns system, attribute, metric (named as in scores.csv), value in [0, 1].

    Example:
        >>> table = published_scores("fashionai")
        >>> table[(table.system == "m3net") & (table.metric == "map_100")].value.tolist()
        [0.8704]
    """
    table = pd.read_csv(io.StringIO(_TABLES[dataset]), skipinitialspace=True)
    overall = table["attribute"].isin(_OVERALL)
    table["metric"] = table["attribute"].where(overall, "map_all")
    table["attribute"] = table["attribute"].mask(overall, OVERALL_BY_QUERIES)
    long = table.melt(["attribute", "metric"], var_name="system")
    long["value"] = (long["value"] / 100).round(6)
    return long[["system", "attribute", "metric", "value"]]
