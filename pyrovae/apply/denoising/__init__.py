"""Denoising: the noise folded into the likelihood, its posterior, filters, scores."""
