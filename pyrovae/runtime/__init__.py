"""What a program runs on: random streams, memory, gradient mode, files, ranks."""
