"""One training step: eager, compiled, and guarded against what is not finite."""
