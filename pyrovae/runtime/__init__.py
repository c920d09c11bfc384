"""What a program runs on: random state, memory, gradient mode, files, ranks."""
