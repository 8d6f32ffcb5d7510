"""The parts of `benchmarks/fuzz.py`: images of every kind, ways to damage them, the process that reads them."""
