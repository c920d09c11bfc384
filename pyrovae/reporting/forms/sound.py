"""Sounds: WAV files, and pictures of their spectrograms."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from ... import plots
from ...models.capabilities import ReadsAsSound
from ...runtime.files import save
from ..saving import save_figure
from ..section import Part
from ..section import Sound as Clip
from .base import Form, Made
from .images import are_images

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SAVED = 8
"""Sounds of a kind that a run folder and a page have at most."""

_LARGEST = 1_500_000  # bytes of all sounds of a run on a page


class Sound(Form):
    """Data that the pair turns into sound: a file each, and a picture of all."""

    kind = "sound"
    endings = (".wav", ".png")
    usual_count = 8

    def __init__(self, pair: ReadsAsSound) -> None:
        self.pair = pair

    def write(self, out: Path, made: Tensor, given: Tensor | None, title: str) -> list[Path]:
        waves, paths = self._waves(made), []
        rows = {title: waves}
        if given is not None:
            before = self._waves(given)
            rows = {"given": before, "reconstruction": waves}
        if out.suffix == ".wav":
            stems = {f"{out.stem}_": waves}
            if given is not None:
                stems[f"{out.stem}_given_"] = before
            for stem, sounds in stems.items():
                for i, wave in enumerate(sounds):
                    paths.append(out.with_name(f"{stem}{i:02}.wav"))
                    save(paths[-1], wav(wave, self.pair.sample_rate))
        paths.append(out.with_suffix(".png"))
        rate = self.pair.sample_rate
        save_figure(paths[-1], plots.spectrograms(
            {name: sounds[:SAVED] for name, sounds in rows.items()}, rate, title=title
        ))  # fmt: skip
        return paths

    def draws_images(self, x: Tensor) -> bool:
        return are_images(x)  # of spectrograms

    def figures(self, made: Made) -> "dict[str, Figure]":
        found, rate = {}, self.pair.sample_rate
        if made.rebuilt is not None:
            rows = {
                "given": self._waves(made.given[:SAVED]),
                "reconstruction": self._waves(made.rebuilt[:SAVED]),
            }
            found["reconstructions"] = plots.spectrograms(
                rows, rate, title="Test data, and what comes back of them through the latents"
            )
        if made.samples is not None:
            rows = {"sample": self._waves(made.samples[:SAVED])}
            found["samples"] = plots.spectrograms(rows, rate, title="Made of draws from the prior")
        return found

    def parts(self, made: Made) -> Sequence[Part]:
        clips = []
        for i in range(min(SAVED, len(made.given)) if made.rebuilt is not None else 0):
            both = ((f"given {i + 1}", made.given), (f"reconstruction {i + 1}", made.rebuilt))
            clips += [self._clip(words, x[i : i + 1]) for words, x in both if x is not None]
        for i in range(0 if made.samples is None else min(SAVED, len(made.samples))):
            clips.append(self._clip(f"sample {i + 1}", made.samples[i : i + 1]))  # type: ignore[index]
        kept, size = list[Clip](), 0
        for clip in clips:
            size += len(clip.content)
            if size <= _LARGEST:
                kept.append(clip)
        left = len(clips) - len(kept)
        more = [f"Left out for the size of the page: {left} sounds."] if left else []
        return [Part(text=more, sounds=kept)] if clips else []

    def save(self, made: Made, folder: Path) -> list[Path]:
        paths, rate = [], self.pair.sample_rate
        for name, x in (("reconstructions", made.rebuilt), ("samples", made.samples)):
            for i, wave in enumerate(() if x is None else self._waves(x[:SAVED])):
                paths.append(folder / f"{name}_{i:02}.wav")
                save(paths[-1], wav(wave, rate))
        return paths

    def _clip(self, words: str, x: Tensor) -> Clip:
        return Clip(words, wav(self._waves(x)[0], self.pair.sample_rate))

    def _waves(self, x: Tensor) -> Tensor:
        return self.pair.to_sound(x).detach().cpu().float().nan_to_num().clamp(-1, 1)


def wav(wave: Tensor, rate: int) -> bytes:
    """A WAV file of samples [S] in -1..1, of 16 bits each."""
    from scipy.io import wavfile

    content = BytesIO()
    wavfile.write(content, int(rate), (wave * 32767).round().short().numpy())
    return content.getvalue()
