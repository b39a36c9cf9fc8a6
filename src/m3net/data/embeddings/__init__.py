"""Embedding files of any model -> the vectors of the images that take part in an evaluation."""
