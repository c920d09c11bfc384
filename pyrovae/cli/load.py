"""`pyrovae.load`: a run, or a pair of one's own, as it was saved."""

import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from pyro.infer import ELBO

from ..data import Dataset
from ..data.base import pick_device
from ..errors import CheckpointError, ConfigError
from ..particles.held_tensors import held_tensors
from ..train import Run
from ..train.pair_file import fill_pair, programs_in
from ..train.resume_checks import naming
from ..train.run_identity import data_shape_of
from ..train.run_record import checkpoint_in, read_record
from .run_files import CONFIG, check_links

if TYPE_CHECKING:
    from .opened import Configured

Program = Callable[..., Any]
Which = Literal["best", "last"]


@dataclass(frozen=True)
class Loaded:
    """What `load` gives. It has a `model` and a `guide`, so it is taken wherever a pair is.

    Attributes:
        model: The generative program p(z)p(x|z).
        guide: The inference program q(z|x).
        pair: The object whose programs they are, such as a family of `pyrovae.models`.
        run: Of a run folder: history, best epoch, steps; else None.
        config: The configuration of a run of the command, as plain values; else None.
    """

    model: Program
    guide: Program
    pair: Any
    run: Run | None = None
    config: dict[str, Any] | None = None
    _configured: "Configured | None" = field(default=None, repr=False)

    def __repr__(self) -> str:
        run = "" if self.run is None else f", run=Run({len(self.run.history)} epochs)"
        return f"Loaded({type(self.pair).__name__}{run})"

    def data(self) -> Dataset:
        """The data set of the run, built as its configuration says.

        Raises:
            ConfigError: There is no configuration, or it names what the library does not have.
            DataError: The files are not there any more.
        """
        return self._of_configuration("data").data(self.pair)

    def objective(self) -> ELBO:
        """The objective of the run, built as its configuration says.

        Raises:
            ConfigError: There is no configuration, or it names what the library does not have.
        """
        return self._of_configuration("objective").objective()

    def _of_configuration(self, what: str) -> "Configured":
        if self._configured is None:
            raise ConfigError(
                f"{what}: a configuration says which, and there is none; only the runs of "
                "`pyrovae fit` have one"
            )
        return self._configured


def load(
    path: str | os.PathLike[str],
    model: Any = None,  # noqa: ANN401
    guide: Program | None = None,
    *,
    pair: Any = None,  # noqa: ANN401
    which: Which = "best",
    trust: Sequence[Any] = (),
    batch: Any = None,  # noqa: ANN401
    device: torch.device | str | None = None,
) -> Loaded:
    """Load a run, or a pair that `save` wrote.

    - `load("runs/mnist")`, of a run of `pyrovae fit`: builds its pair with the parameters of the
      best epoch.
    - `load("runs/mine", pair)` or `load("runs/mine", model, guide)`, of a run of `fit` in a
      script: fills the pair, which is made as it was made for the run.
    - `load("pair.safetensors", pair)` or with model and guide: fills it from a file of `save`.

    A pair is filled as a whole or not at all, and is not run for that. Values of `pyro.param` go
    to Pyro's store.

    A run folder is data: opening one that came from a stranger runs nothing but this library. What
    is your own in it is given by you: the pair, its class as `model`, or names in `trust`.

    Args:
        path: A run folder, or a file.
        model: Pyro model; or an object with `model` and `guide`; or, for a run whose configuration
            names a class of your own, that class.
        guide: Pyro guide.
        pair: The same as an object with `model` and `guide` in the place of `model`.
        which: Of a run folder, the "best" or the "last" checkpoint.
        trust: Names of your own in a configuration (of model, data, objective, or of their parts)
            that may be imported and called; or the classes and functions themselves.
        batch: What the pair takes, such as `(x,)`: the pair is run once with it before it is
            filled. Automatic guides and lazy layers need that before their first run, and so does
            what only a run of the pair finds.
        device: Where a pair goes that is built; None is CUDA when present, else the CPU. One that
            is given stays where it is; values of `pyro.param` that the store lacks go here.

    Raises:
        CheckpointError: There is no such file or folder, it is damaged, or does not fit the pair;
            nothing is changed then.
        ConfigError: The arguments do not fit together, or the configuration names your own.

    Example:
        >>> import tempfile
        >>> from pyrovae.models import VAE
        >>> from pyrovae.train import save
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(f"{folder}/vae.safetensors", VAE((6,), 2))
        ...     loaded = load(f"{folder}/vae.safetensors", VAE((6,), 2))
        >>> loaded.pair.generate(3).shape
        torch.Size([3, 6])
    """
    path = Path(path)
    if pair is not None and (model is not None or guide is not None):
        raise ConfigError("load: pair is given, and model or guide too; give the pair alone")
    if which not in ("best", "last"):
        raise ConfigError(f"load: which={which!r}, needs 'best' or 'last'")
    own = model if inspect.isclass(model) and guide is None else None
    given = pair if pair is not None else None if own is not None else model
    if not path.is_dir():
        return _load_file(path, given, guide, batch, device)
    check_links(path)
    checkpoint = checkpoint_in(path, which)
    configured = _configured(path, trust, own)
    if given is None and guide is None:
        if configured is None:
            raise CheckpointError(
                f"{path} holds no {CONFIG}, so `fit` of a script wrote it; make the pair as "
                "it was made there, and give it: load(folder, pair) or load(folder, model, guide)"
            )
        record = read_record(path)
        with naming(record.path, "cannot be loaded"):
            shape = data_shape_of(record.identity)
        built = configured.pair(shape)
        programs, device = (built.model, built.guide), pick_device(device)
        found = held_tensors(*programs)
        for tensor in (*found.tensors.values(), *found.transient.values()):
            tensor.data = tensor.data.to(device)
    else:
        programs, built = programs_in("load", given, guide)
    fill_pair(checkpoint, *programs, batch=batch, device=device, kind=which)
    best = partial(_fill, path / "best.safetensors", *programs, device=device, kind="best")
    run = replace(Run.read(path), _load_best=best)
    config = None if configured is None else configured.content
    return Loaded(*programs, built, run, config, configured)


def _configured(path: Path, trust: Sequence[Any], own: type | None) -> "Configured | None":
    """The configuration of a run folder, where it has one."""
    if not (path / CONFIG).is_file():
        return None
    from .opened import Configured  # jsonargparse is slow to import
    from .safe_yaml import read_yaml

    configured = Configured(path, read_yaml(path / CONFIG), tuple(trust), own)
    configured.check_trust()
    return configured


def _fill(path: Path, *programs: Program, **options: Any) -> None:  # noqa: ANN401
    fill_pair(path, *programs, **options)


def _load_file(
    path: Path,
    given: Any,  # noqa: ANN401
    guide: Program | None,
    batch: Any,  # noqa: ANN401
    device: torch.device | str | None,
) -> Loaded:
    if given is None:
        what = "holds tensors and no configuration" if path.is_file() else "is no file or folder"
        raise CheckpointError(
            f"{path} {what}; name a run folder, or give the pair that the file is of: load(file, "
            "pair) or load(file, model, guide)"
        )
    programs, pair = programs_in("load", given, guide)
    fill_pair(path, *programs, batch=batch, device=device)
    return Loaded(*programs, pair)
