"""Strategies against overfitting, one per file."""
