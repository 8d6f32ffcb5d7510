"""Models that leave the search: one self-describing file, and its MLflow form."""
