"""Retrieval metrics, from embeddings to a table of scores.

`functional` defines the metrics. `ranking` ranks the gallery for each query, which yields
`query_results`; `scores` averages them over queries, attributes and classes. `attribute_retrieval`
and `retrieval_metrics` collect the embeddings of an evaluation, configured by `metrics_config`, and
`distributed` shares the work among processes. `retrieve` does it all in one call, for any arrays.
"""

from m3net.metrics.attribute_retrieval import GALLERY, QUERY, AttributeRetrieval
from m3net.metrics.embedded_images import Images
from m3net.metrics.functional import average_precision, hit_rate, precision, r_precision, recall
from m3net.metrics.metrics_config import MetricsConfig
from m3net.metrics.query_results import CUTOFFS, QueryResults, QuerySums, metric_names
from m3net.metrics.ranking import rank
from m3net.metrics.retrieval_metrics import RetrievalMetrics
from m3net.metrics.retrieve import retrieve
from m3net.metrics.scores import (
    COUNTS,
    OVERALL_BY_ATTRIBUTES,
    OVERALL_BY_QUERIES,
    AttributeScores,
    ClassScores,
    flatten,
    score_table,
)

__all__ = [
    "COUNTS",
    "CUTOFFS",
    "GALLERY",
    "OVERALL_BY_ATTRIBUTES",
    "OVERALL_BY_QUERIES",
    "QUERY",
    "AttributeRetrieval",
    "AttributeScores",
    "ClassScores",
    "Images",
    "MetricsConfig",
    "QueryResults",
    "QuerySums",
    "RetrievalMetrics",
    "average_precision",
    "flatten",
    "hit_rate",
    "metric_names",
    "precision",
    "r_precision",
    "rank",
    "recall",
    "retrieve",
    "score_table",
]
