"""Studies as they lie in a store: listed, compared, deleted, their images found again."""
