"""Distributions that Pyro and torch do not have, and how particles are assigned to strata."""
