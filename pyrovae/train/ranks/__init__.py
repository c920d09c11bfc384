"""Several processes that train together: what each takes of a batch, and what they sum."""
