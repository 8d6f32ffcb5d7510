"""Programs that drive a library as its users would, for tools without a command line."""
