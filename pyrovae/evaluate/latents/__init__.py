"""What the latents are used for."""
