"""Export models for deployment: files for each runtime, serving with MLflow, and the classifier that predicts."""
