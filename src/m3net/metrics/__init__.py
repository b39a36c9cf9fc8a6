"""Retrieval metrics, from embeddings to a table of results.

`functional` defines them, `ranking` ranks the gallery for each query, `scores` takes the means over
queries and attributes, `retrieval` gathers the embeddings of an evaluation for them.
"""

from m3net.metrics.functional import average_precision, recall
from m3net.metrics.ranking import METRICS, Images, QueryResults, rank
from m3net.metrics.retrieval import GALLERY, QUERY, AttributeRetrieval, RetrievalMetrics
from m3net.metrics.scores import (
    COUNTS,
    OVERALL_BY_ATTRIBUTES,
    OVERALL_BY_QUERIES,
    AttributeScores,
    flatten,
    score_table,
)

__all__ = [
    "COUNTS",
    "GALLERY",
    "METRICS",
    "OVERALL_BY_ATTRIBUTES",
    "OVERALL_BY_QUERIES",
    "QUERY",
    "AttributeRetrieval",
    "AttributeScores",
    "Images",
    "QueryResults",
    "RetrievalMetrics",
    "average_precision",
    "flatten",
    "rank",
    "recall",
    "score_table",
]
