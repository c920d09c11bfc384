"""Measurements of the latents: KL by part and by site, active units, traversals, clusters."""
