"""The latents of data as features for other models."""
