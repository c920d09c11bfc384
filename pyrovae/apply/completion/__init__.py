"""Parts of `complete` and `super_resolve`: observations, ways to draw the rest, the result."""
