"""Engines propose configurations: Optuna today."""
