"""How far inference falls short, and why: by its family or by its amortisation."""

from .inference_gaps import InferenceGaps, inference_gaps

__all__ = ["InferenceGaps", "inference_gaps"]
