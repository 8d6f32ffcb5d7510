"""What to do next. Pure: a plan reads the record and writes nothing."""
