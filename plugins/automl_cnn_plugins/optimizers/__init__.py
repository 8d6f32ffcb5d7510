"""Optimizers with their learning-rate schedules, one per file."""
