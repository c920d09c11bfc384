"""Whether a model and a guide sample the same latents, in the same shapes."""

from typing import Any

from pyro.distributions import Unit

from ..errors import ShapeError, SiteError


def check_match(model_sites: dict[str, Any], guide_sites: dict[str, Any]) -> None:
    """Check that model and guide sample the same latents."""
    for name, site in model_sites.items():
        if not site["is_observed"] and name not in guide_sites:
            raise missing_latent(name)
    for name, site in guide_sites.items():
        # Pyro tells by this attribute of the instance whether `has_rsample` was given.
        if isinstance(site["fn"], Unit) and "has_rsample" not in vars(site["fn"]):
            raise SiteError(
                f"the guide has `pyro.factor('{name}', ...)` and does not say how it was drawn; "
                "pass has_rsample=True if by a reparameterised sampler, else has_rsample=False"
            )
        partner = model_sites.get(name)
        if site["is_observed"] and partner is not None:
            raise SiteError(
                f"the guide observes '{name}', which is a site of the model too, and its density "
                "would cancel out; observe it in the model only (a messenger guide such as "
                "AutoNormalMessenger runs the model inside itself: use AutoNormal and the like)"
            )
        if site["is_observed"] or site["infer"].get("is_auxiliary"):
            continue
        if partner is None or partner["is_observed"]:
            raise SiteError(
                f"the guide samples '{name}', and the model does not; sample it in the model too, "
                "or mark it infer={'is_auxiliary': True} in the guide"
            )


def missing_latent(name: str) -> SiteError:
    """The error of a latent of the model that the guide lacks."""
    return SiteError(
        f"the model samples '{name}', and the guide does not; sample it in the guide too, or "
        "observe it with obs="
    )


def check_observed(name: str, site: dict[str, Any]) -> None:
    """Check that an observed value is not broadcast over the event dims of its distribution.

    Raises:
        ShapeError: It would be.
    """
    fn, value = site["fn"], site["value"]
    needed, given = list(fn.event_shape), list(value.shape[value.dim() - fn.event_dim :])
    if any(there == 1 < here for here, there in zip(needed, given, strict=True)):
        raise ShapeError(
            f"site '{name}' of the model has the event shape {needed}, and what is observed there "
            f"is {given}, which would be broadcast to all entries; give a tensor [..., "
            f"{', '.join(map(str, needed))}]"
        )


def check_shapes(name: str, of_model: Any, of_guide: Any, particle_dim: int | None) -> None:  # noqa: ANN401
    """Check that a latent has one shape in model and guide, for densities broadcast in silence.

    Raises:
        ShapeError: It has two.
    """
    pair = (of_model, of_guide)
    batch_shapes = [list(fn.batch_shape) for fn in pair]
    if particle_dim is not None:  # a replayed site is not expanded over particles
        batch_shapes = [
            shape[particle_dim + 1 :] if particle_dim < -1 else [] for shape in batch_shapes
        ]
    rank = max(map(len, batch_shapes))  # dims of size one may be left out
    batch_shapes = [[1] * (rank - len(shape)) + shape for shape in batch_shapes]
    event_shapes = [list(fn.event_shape) for fn in pair]
    for kind, (here, there) in (("event", event_shapes), ("batch", batch_shapes)):
        if here != there:
            raise ShapeError(
                f"latent '{name}' has the {kind} shape {here} in the model and {there} in the "
                "guide, so that a draw of the guide does not fit the model; give both the same "
                "size, the same `.to_event(n)` and the same plates"
            )
