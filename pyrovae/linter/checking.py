"""Check a pair before it is trained: run it a few times, and say what is wrong, site by site."""

import warnings
from collections.abc import Collection
from typing import Any

import pyro
import torch
from torch import Tensor

from ..data.columns import Columns, Transform
from ..errors import ConfigError, PyrovaeError, first_line
from ..evaluate.inputs import Data, Inputs
from ..particles.argument_types import argument_types
from ..particles.device import to_device_of
from ..particles.handlers import Program
from ..particles.kl import kl_routes
from ..particles.pair import takes_pair
from ..particles.param_store import stored
from .capturing import why_not_captured
from .checked import Checked
from .inspection import Batch, Inspection
from .objective_fit import ObjectiveFit, all_objectives, fitting
from .problem import ORDER, Problem
from .rules import RULES, SHAPES
from .site_row import site_rows
from .undisturbed import undisturbed

_MOST_ROWS, _FEW_ROWS = 64, 4


@takes_pair
def check(
    model: Program,
    guide: Program,
    x: Data = (),
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    ignore: Collection[str] = (),
    objectives: bool = True,
    capture: bool = True,
    columns: Columns | None = None,
    transform: Transform | None = None,
    **kwargs: Any,  # noqa: ANN401
) -> Checked:
    """Run a pair a few times and say, site by site, what is wrong with it and what fits it.

    Nothing is changed: Pyro's store, networks, gradients and random streams are as before. It
    looks at what these runs show. A fault that needs training to appear is not found: see
    `diagnose` for a trained pair. `pyrovae.linter.codes_table()`, or `pyrovae check --codes`,
    lists what is looked for.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args, **kwargs)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Data [N, ...] of any kind; the first 64 rows are looked at, or all where the pair takes
            that number only.
        ignore: Codes that are not reported, such as "PV203"; "PV2" ignores a family.
        objectives: Try every objective on a few rows.
        capture: Try to capture the training step as a graph, which is most of the time.
        columns: Which tensors of the data the pair takes; see `fit`.
        transform: Of the data; see `fit`.

    Returns:
        A `Checked`; printed it shows the sites, the findings, which objectives fit, and whether
        the step can be captured.

    Raises:
        DataError: The data are none that this library takes.
        ConfigError: No code begins as one to ignore.

    Example:
        >>> from pyrovae import VAE, check
        >>> print(check(VAE((4,), 2), torch.zeros(8, 4), objectives=False, capture=False).verdict)
        nothing found
    """
    ignore = _known_codes(ignore)
    inputs = Inputs.of(x, args, columns=columns, transform=transform)
    with (
        undisturbed(model, guide),
        warnings.catch_warnings(),
        pyro.validation_enabled(False),  # more can be seen of a faulty pair
    ):
        warnings.simplefilter("ignore")  # what they say is among the findings
        batch = _batch(model, guide, inputs)
        held = {name: leaf for name, (leaf, _) in stored().items()}
        seen = Inspection(model, guide, batch, kwargs, held, inputs.num_data)
        problems = _found(seen)
        routes = _routes(seen)
        plate = _batch_plate(seen)
        few = _few(seen)
        tried: tuple[ObjectiveFit, ...] = ()
        if objectives and seen.runs:
            tried = fitting(seen, all_objectives(seen), few, batch_plate=plate)
        captured = "not tried"
        if capture:
            captured = _captured(seen, few, plate)
        kept = [p for p in problems if not p.code.startswith(ignore)] if ignore else problems
        return Checked(
            sites=site_rows(seen, routes),
            problems=tuple(sorted(kept, key=lambda p: ORDER.index(p.severity))),
            objectives=tried,
            capture=captured,
            num_data=seen.num_rows,
            ignored=len(problems) - len(kept),
        )


def _known_codes(ignore: Collection[str]) -> tuple[str, ...]:
    """The beginnings of codes that are ignored, each of which ignores some."""
    wanted = (ignore,) if isinstance(ignore, str) else tuple(ignore)
    codes = (*(rule.code for rule in RULES), "PV900")
    for each in wanted:
        if not (each.startswith("PV") and any(code.startswith(each) for code in codes)):
            raise ConfigError(
                f"ignore='{each}': no code begins so; see `pyrovae check --codes` for all of them"
            )
    return wanted


def _batch(model: Program, guide: Program, inputs: Inputs) -> Batch:
    """The first rows on the pair's device, in its types; all rows where it takes only so many."""
    for rows in dict.fromkeys((min(inputs.num_data, _MOST_ROWS), inputs.num_data)):
        given = inputs.rows(slice(0, rows))
        batch = to_device_of(model, guide, given)
        try:
            batch = argument_types(model, guide, batch)(batch)
        except PyrovaeError:  # a rule says what is wrong
            pass
        batch = tuple(arg.clone() if isinstance(arg, Tensor) else arg for arg in batch)
        if not Inspection(model, guide, batch).run.failed:
            break
    return batch


def _found(seen: Inspection) -> list[Problem]:
    found: list[Problem] = []
    for rule in RULES:
        if rule.needs_run and not seen.runs:
            continue
        if rule.needs_shapes and any(problem.code in SHAPES for problem in found):
            continue
        try:
            found += rule.found(seen)
        except Exception as error:  # the pair runs user's code, and a rule must not end the check
            found.append(
                Problem(
                    "PV900", "information", None,
                    f"{rule.code} ({rule.title}) could not be looked for: {first_line(error)}",
                    "none is needed; the other findings hold",
                )
            )  # fmt: skip
    return found


def _routes(seen: Inspection) -> dict[str, str]:
    try:
        with torch.no_grad():
            return kl_routes(seen.model, seen.guide, *seen.args, mode="as is", **seen.kwargs)
    except Exception:  # the findings say why
        return {}


def _batch_plate(seen: Inspection) -> str | None:
    """ "auto"; None for a pair with latents outside of the plate over data."""
    names = [{f.name for f in node["cond_indep_stack"]} for _, _, node in seen.nodes()]
    return "auto" if names and set.intersection(*names) else None


def _few(seen: Inspection) -> Batch:
    """A few rows, or all where the pair takes no fewer."""
    few = seen.rows(torch.arange(min(_FEW_ROWS, seen.num_rows))) if seen.num_rows else seen.args
    return few if seen.runs and not seen.another(few).failed else seen.args


def _captured(seen: Inspection, few: Batch, plate: str | None) -> str:
    if not seen.runs:
        return "not tried (the pair does not run)"
    other = tuple(arg.flip(0) if isinstance(arg, Tensor) and arg.dim() else arg for arg in few)
    try:
        why = why_not_captured(seen, few, other, batch_plate=plate)
    except Exception as error:  # the findings say why the pair cannot be trained at all
        return f"not tried ({first_line(error)})"
    return f"no: {why}" if why else "yes"
