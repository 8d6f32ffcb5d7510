"""Executors train them: one long-lived local process today."""
