"""The parts of benchmarks/diagnosis.py: image sets, causes, trainings, and how often the diagnosis names them."""
