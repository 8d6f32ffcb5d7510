"""Optimizers with their learning-rate schedules, one a file."""
