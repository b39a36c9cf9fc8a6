"""Hooks of a training or evaluation: guards, checkpoints, reports."""
