"""Families of networks, one a file."""
