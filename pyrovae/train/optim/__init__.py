"""The optimiser of a step: one over all leaves, its state, its update as a function."""
