"""The end of a search: calibration, the one test score, an ensemble or a refit, the report."""
