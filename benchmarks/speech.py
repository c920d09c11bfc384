"""Are digits that a SpeechVAE says recognised, as pictures and as sound, in the voice asked for?

Run: python benchmarks/speech.py --data-root DIR [--epochs 50] [--out FOLDER]

Trains on the Free Spoken Digit Dataset (3,000 recordings of 6 people; takes 0 to 4 are held out),
and judges by two support vector machines that were fitted to the real spectrograms of the training
data, one for digits and one for speakers. "As WAV" is written to files by Griffin and Lim's
algorithm and read back. With --out it leaves zero_to_nine.wav and digits.png there. About 160 CPU
seconds.
"""

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path

import pyro
import torch
from sklearn.svm import SVC

from pyrovae import data, fit, log_evidence, nn, plots
from pyrovae.apply import transfer
from pyrovae.apply.sound import write_wav
from pyrovae.models import SpeechVAE
from pyrovae.objectives import Beta

NETS = {
    "encoder": partial(nn.TimeConvEncoder, channels=(96, 96, 96)),
    "decoder": partial(nn.TimeConvDecoder, channels=(96, 96, 96)),
}


class Judge:
    """Recognises digits and speakers as a machine fitted to real recordings does."""

    def __init__(self, train):
        flat = train.x.flatten(1).numpy()
        self.machines = [SVC(C=10.0).fit(flat, train.y[:, place].numpy()) for place in (0, 1)]

    def __call__(self, what, x, y):
        """Print the shares of x [N, 1, F, T] that are taken for y [N, 2]."""
        shares = []
        for place, machine in enumerate(self.machines):
            found = torch.as_tensor(machine.predict(x.flatten(1).numpy()))
            shares.append((found == y[:, place]).float().mean())
        print(f"| {what}, {len(x)} | {shares[0]:.3f} | {shares[1]:.3f} |", flush=True)


def as_wav(pair, x, y):
    """Spectrograms of x written as WAV files and read back, and the y of each file."""
    with tempfile.TemporaryDirectory() as folder:
        for place, (wave, label) in enumerate(zip(pair.to_sound(x), y.tolist(), strict=True)):
            name = "_".join(map(str, [*label, place]))
            write_wav(Path(folder) / f"{name}.wav", wave, pair.sample_rate)
        read = data.audio(
            folder, pattern="{digit}_{speaker}_{take}.wav", labels=("digit", "speaker"),
            frames=x.shape[-1], val=0.0, test=0.0,
        )  # fmt: skip
    own, here = read.supplies["sound"], pair.spectrogram
    return (read.train.x * own["scale"] + own["mean"] - here.mean) / here.scale, read.train.y


def exchanged(pair, sets, judge):
    """The words and the voices of 60 held-out recordings exchanged, one at a time."""
    order = torch.randperm(len(sets.test), generator=torch.Generator().manual_seed(0))
    few, labels = sets.test[order[:60]], torch.cartesian_prod(torch.arange(10), torch.arange(6))
    found = transfer(pair, few.x, few.y, labels=labels, train=sets.train, seed=0)
    word, voice = (found.labels[None] == few.y[:, None]).unbind(-1)
    for what, cell in (
        ("another voice, the same word", word & ~voice),
        ("another word, the same voice", ~word & voice),
    ):
        judge(what, found.made[cell], found.labels[None].expand(60, -1, -1)[cell])


def main(root, epochs, out):
    sets, start = data.spoken_digits(root), time.process_time()
    pyro.set_rng_seed(0)
    pair = SpeechVAE(sets.shape, 16, **sets.supplies, **NETS)
    labelled = sets.labelled()
    run = fit(pair, labelled.train, val=labelled.val, objective=Beta(15.0), epochs=epochs, lr=2e-3,
              batch_size=100, seed=0, device="cpu")  # fmt: skip
    run.load_best()
    print(f"trained in {time.process_time() - start:.0f} CPU s; torch {torch.__version__}")
    print(
        "| what is judged | digit (by chance .1) | speaker (by chance .17) |\n| --- | --- | --- |"
    )
    judge = Judge(sets.train)
    judge("real, held out", sets.test.x, sets.test.y)
    y = torch.cartesian_prod(torch.arange(10), torch.arange(6)).repeat(5, 1)
    pyro.set_rng_seed(0)
    made = pair.generate(y)
    judge("generated", made, y)
    judge("generated, as WAV", *as_wav(pair, made, y))
    judge("rebuilt", pair.reconstruct(sets.test.x, sets.test.y, latent="mean"), sets.test.y)
    exchanged(pair, sets, judge)
    few = labelled.test[:100]
    print(f"NLL of p(x|y), 100 held out: {-log_evidence(pair, few, num_particles=200).mean():.2f}")
    if out is not None:
        one_voice = torch.tensor([[digit, 0] for digit in range(10)])
        sound = pair.to_sound(pair.generate(one_voice))
        write_wav(out / "zero_to_nine.wav", sound.flatten(), pair.sample_rate)
        title = "Digits 0 to 7, generated, one voice"
        plots.spectrograms({"made": sound[:8]}, pair.sample_rate, title=title).savefig(
            out / "digits.png"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--out", type=Path, help="a folder for a WAV file and a picture")
    given = parser.parse_args()
    main(given.data_root, given.epochs, given.out)
