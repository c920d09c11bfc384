"""Interpolation: paths between latents, the decoder's metric, geodesics, grids."""
