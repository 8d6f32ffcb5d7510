"""Strategies against overfitting, one a file."""
