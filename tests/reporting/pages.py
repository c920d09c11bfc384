"""Reports for tests of their pages, with a name that would run if it were not escaped."""

from dataclasses import replace
from functools import cache

import torch

from pyrovae import data
from pyrovae.evaluate import Remedy, Verdict
from pyrovae.models import VAE
from pyrovae.nn import Binomial
from pyrovae.reporting import Report, Use, report

EVIL = "<script>window.harmed = 1</script><img src=x onerror='window.harmed = 1'>"
HISTORY = [
    {"epoch": i, "train": -60.0 + i, "val": -61.0 + i, "lr": 0.001, "seconds": 0.5}
    for i in range(1, 13)
]


class _Diagnosis:
    verdicts = (
        Verdict("used", "fine", "z", "'z' is used"),
        Verdict("collapsed", "fault", "z", "the latents are not used",
                (Remedy("Raise the KL weight slowly.", "Anneal()", "--kl-warmup 20"),)),
        Verdict("slow", "warning", None, "training still rises"),
    )  # fmt: skip


@cache
def measured() -> Report:
    """A VAE of digits that was not trained, with all that a page may show."""
    torch.manual_seed(0)
    digits = data.digits()
    vae = VAE((1, 8, 8), 5, likelihood=Binomial(16))
    found = report(vae, digits.test[:60], num_particles=40, history=HISTORY, name="runs/first")
    found = found.completed()
    rows = [{"objective": "ELBO", "bound": -50.25, "gap": None},
            {"objective": "IWAE", "bound": -9.5, "gap": float("nan")}]  # fmt: skip
    return replace(
        found,
        subject=replace(
            found.subject,
            settings={"model.latent_dim": 5, "epochs": 12, "data.name": "digits"},
            command="pyrovae fit --config runs/first/config.yaml --run NEW_FOLDER",
            diagnosis=_Diagnosis(),
            tables={"compare": rows},
            uses=[Use("denoise", png(), {"psnr": 12.5, "names": {"a": "b"}})],
        ),
    )


@cache
def page_of_one() -> str:
    return measured().to_html()


def named(name: str, latents: int, nll: float) -> Report:
    """The same as another run, without its pictures."""
    first = measured()
    settings = {**first.subject.settings, "model.latent_dim": latents, f"model.{name}": name}
    subject = replace(
        first.subject, name=name, settings=settings, pictures={}, parts=None, units=None
    )
    return replace(first, facts={**first.facts, "nll": nll, "elbo": -nll - 1}, subject=subject)


def png() -> bytes:
    """A small picture."""
    from io import BytesIO

    from matplotlib.figure import Figure

    content = BytesIO()
    figure = Figure(figsize=(2, 1), dpi=50)
    figure.subplots().plot([0, 1])
    figure.savefig(content, format="png")
    return content.getvalue()
