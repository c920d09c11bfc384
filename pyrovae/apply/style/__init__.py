"""The latent style of data under other labels."""
