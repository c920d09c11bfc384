"""Compression with a trained pair: lossless by bits back, lossy by quantised latents."""
