"""What a callback can do."""

from collections.abc import Sequence

from ..loop import Loop


class Callback:
    """Does something at set moments of a run; override what is needed.

    Each method gets the `Loop`: where the run stands. What most callbacks need of it:

    - `loop.epoch`, `loop.batch`, `loop.step`: the epoch in progress from 1, its batches done, and
      the steps done over all epochs; `loop.epochs`, `loop.steps_per_epoch`, `loop.total_steps`:
      how many there will be; `loop.progress`: the share that is done;
    - `loop.history`: a dict for each epoch done, with "train", "val", "lr", ... (see `Run`);
      `loop.best`: its "epoch" and "val";
    - `loop.model`, `loop.guide`, `loop.optimizer.torch`: what is trained, and by what;
    - `loop.run_dir`: the run's folder, or None; `loop.rank`: 0 in the process that writes files;
    - `loop.request_stop()`: end the run after the step in progress.

    They are called in this order, the callbacks of a list one after the other:

    ============  =========================================================================
    `on_start`    once, before the first step; of a resumed run with the state it resumes
    `on_compile`  before steps are compiled, which takes seconds, and after it; see `compile`
    `on_step`     after each step, with the new parameters
    `on_epoch`    after the last step of an epoch, its validation and its checkpoint of the best
    `on_end`      once, at the end, after an error and an interrupt too
    ============  =========================================================================

    A callback that needs `on_step` for nothing but the time that has passed may say `every_step =
    False`: it then comes once after several steps, where steps are compiled and take less than
    some milliseconds. All others keep such a run to one step at a time.

    A resumed run begins with new callbacks, so keep only what can be found again from `loop`. What
    a callback draws from the global random state is part of the run, except in `on_start`. A
    tensor's value waits for the device: in `on_step` of a fast run read it once in many steps.

    Of several ranks each has its own, called at the same moments. Those other than 0 should write
    no files, and all must draw the same.

    Example:
        >>> import torch
        >>> from pyrovae.data import LinearGaussian
        >>> from pyrovae.train import fit
        >>> class WeightNorm(Callback):
        ...     def __init__(self, weight):
        ...         self.weight, self.norms = weight, []
        ...     def on_epoch(self, loop):
        ...         self.norms.append(float(self.weight.detach().norm()))
        ...         if self.norms[-1] > 100.0:
        ...             loop.request_stop()
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> watch = WeightNorm(next(pair.parameters()))
        >>> run = fit(pair, pair.sample(200, seed=1), epochs=3, callbacks=[watch], device="cpu")
        >>> len(watch.norms)
        3
    """

    every_step: bool = True

    def on_start(self, loop: Loop) -> None:
        """Before the first step, or before the first one after a checkpoint."""

    def on_compile(self, loop: Loop, seconds: float | None) -> None:
        """As the steps are about to be compiled, and once they are, with the time that it took."""

    def on_step(self, loop: Loop) -> None:
        """After each step."""

    def on_epoch(self, loop: Loop) -> None:
        """After each epoch; `loop.history[-1]` has its figures."""

    def on_end(self, loop: Loop) -> None:
        """At the end, after an error too."""


class CallbackList(Callback):
    """Calls several callbacks in order."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self._callbacks = list(callbacks)

    @property
    def sees_every_step(self) -> bool:
        """Whether one of them is to be called after each step, and not after several."""
        return any(
            callback.every_step and type(callback).on_step is not Callback.on_step
            for callback in self._callbacks
        )

    def on_compile(self, loop: Loop, seconds: float | None) -> None:
        for callback in self._callbacks:
            callback.on_compile(loop, seconds)

    def on_start(self, loop: Loop) -> None:
        for callback in self._callbacks:
            callback.on_start(loop)

    def on_step(self, loop: Loop) -> None:
        for callback in self._callbacks:
            callback.on_step(loop)

    def on_epoch(self, loop: Loop) -> None:
        for callback in self._callbacks:
            callback.on_epoch(loop)

    def on_end(self, loop: Loop) -> None:
        for callback in self._callbacks:
            callback.on_end(loop)
