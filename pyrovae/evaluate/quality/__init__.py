"""How good generated data are."""
