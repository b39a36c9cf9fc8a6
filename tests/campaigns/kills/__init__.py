"""Trainings that are killed, go on, and must end as if nothing had happened."""
