"""Retrieval metrics, from embeddings to a table of results.

`functional` defines them, `ranking` ranks the gallery for each query, which gives `results`, `sums`
and `scores` take the means over queries and attributes, `classes` over the queries for a class,
`confusion` counts the classes that come back,
`attribute` and `retrieval` gather the embeddings of an evaluation for them, by the choices in
`settings`. `sharing` spreads the work over processes. `retrieve` ranks arrays of anyone.
"""

from m3net.metrics.attribute_retrieval import GALLERY, QUERY, AttributeRetrieval
from m3net.metrics.classes import ClassScores
from m3net.metrics.embedded_images import Images
from m3net.metrics.functional import average_precision, hit_rate, precision, r_precision, recall
from m3net.metrics.metrics_config import MetricsConfig
from m3net.metrics.query_results import CUTOFFS, QueryResults, metric_names
from m3net.metrics.ranking import rank
from m3net.metrics.retrieval_metrics import RetrievalMetrics
from m3net.metrics.retrieve import retrieve
from m3net.metrics.scores import (
    COUNTS,
    OVERALL_BY_ATTRIBUTES,
    OVERALL_BY_QUERIES,
    AttributeScores,
    flatten,
    score_table,
)
from m3net.metrics.sums import QuerySums

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
