"""Scores and rankings to tables and pictures."""
