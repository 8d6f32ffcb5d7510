"""The format of the model file: what is in it, how it is read and written, and what is refused."""
