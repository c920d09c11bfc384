"""The inference gap in two parts: approximation by the guide's family, and amortisation."""

from .inference_gaps import InferenceGaps, inference_gaps

__all__ = ["InferenceGaps", "inference_gaps"]
