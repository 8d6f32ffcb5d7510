"""Carrying out what was planned: the loop, the worker processes, what they measure."""
