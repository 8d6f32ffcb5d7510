"""Compound scaling on the user's own images: `automl-cnn scale`."""
