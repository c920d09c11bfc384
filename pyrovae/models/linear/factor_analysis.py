"""Factor analysis."""

from .base import LinearVAE


class FactorAnalysis(LinearVAE):
    r"""Factor analysis: a linear VAE whose noise has a scale for each dimension.

    The optimum has no closed form; alternating `e_step` and `m_step` finds it, or `fit` with any
    objective. There may be several optima of similar value, so two runs may end at two. The scale
    of a constant element ends at `min_scale`.

    Args:
        data_shape: Shape of one datum; D is the number of its elements.
        latent_dim: L.
        covariance: Form of the guide's covariance: "full" can be the exact posterior.
        init_scale: Initial standard deviation of the noise, in units of the data.
        learn_scale: Learn the standard deviations.
        min_scale: Their smallest value.

    Raises:
        ConfigError: A size or a scale is out of range.

    Source:
        EM algorithms for ML factor analysis (Rubin & Thayer, 1982),
        https://doi.org/10.1007/BF02293851

    Example:
        >>> import torch
        >>> from pyrovae.models import e_step, m_step
        >>> pair, x = FactorAnalysis((5,), 2), torch.randn(50, 5)
        >>> for _ in range(20):
        ...     e_step(pair); m_step(pair, x)
        >>> e_step(pair)
        >>> torch.allclose(pair.elbo(x), pair.log_px(x), atol=1e-4)
        True
    """

    noise_by_dimension = True
