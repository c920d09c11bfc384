"""Can a VAE speak? Are its words recognised, and can it lend a recording another voice?

Run: python examples/34_speech.py [--smoke] [--data-root FOLDER]

Words are spectrograms, p(x|word, speaker) is a convolutional VAE over them, and sound comes back
by Griffin and Lim's algorithm. Without a folder the words are artificial (`data.tones`); with that
of `spoken_digits.npz` they are recordings (some minutes). What is made is judged by a classifier
that has seen real recordings alone. Writes speech.wav, which says each word in one voice, and
speech.png: real and made words. Needs the extra `speech`. After Hsu et al. (2016),
https://arxiv.org/abs/1610.04019.
"""

import argparse

import pyro
import torch
from sklearn.svm import SVC

from pyrovae import data, fit
from pyrovae.apply.sound import round_trip, write_wav
from pyrovae.models import SpeechVAE
from pyrovae.objectives import Beta
from pyrovae.plots import spectrograms


def share(classifiers, x, y):
    """Of spectrograms x, how many each classifier takes for their column of y."""
    found = [torch.as_tensor(c.predict(x.flatten(1).numpy())) for c in classifiers]
    return [float((column == y[:, i]).float().mean()) for i, column in enumerate(found)]


def main(smoke, root):
    print("smoke: hardly trained\n" * smoke, end="")
    sets = data.spoken_digits(root) if root else data.tones(takes=6 if smoke else 40)
    names = list(sets.info["classes"])
    words, voices = sets.supplies["num_classes"]
    classifiers = [
        SVC(C=10.0).fit(sets.train.x.flatten(1).numpy(), sets.train.y[:, i].numpy())
        for i in range(2)
    ]

    pyro.set_rng_seed(0)
    pair = SpeechVAE(sets.shape, 16, **sets.supplies)  # what a checkpoint needs to make sound
    labelled = sets.labelled()
    # The weight on the KL keeps words out of the latents, where they would be beside y.
    fit(pair, labelled.train, objective=Beta(15.0), val=labelled.val, lr=2e-3, batch_size=60,
        epochs=15 if smoke else 60, seed=0, device="cpu", compile=False,
        progress=not smoke).load_best()  # fmt: skip

    print(f"{len(sets.train)} recordings; recognised as  {names[0]:>8s} {names[1]:>8s}")

    def row(what, x, y):
        print(f"{what:30s} " + " ".join(f"{s:8.2f}" for s in share(classifiers, x, y)))

    row("real ones, held out", sets.test.x, sets.test.y)
    every = torch.cartesian_prod(torch.arange(words), torch.arange(voices))
    made = pair.generate(every.repeat(4, 1))
    row("made", made, every.repeat(4, 1))
    spoken = round_trip(pair.spectrogram, made)
    row("made, and heard", spoken.heard, every.repeat(4, 1))
    y = sets.test.y.clone()
    y[:, 1] = (y[:, 1] + 1) % voices
    with torch.no_grad():
        z = pair.encode(sets.test.x, sets.test.y).mean
        row("another voice, same word", pair.decode(z, y).mean, y)
    print(f"chance {1 / words:32.2f} {1 / voices:8.2f}")

    one = torch.stack([torch.arange(words), torch.zeros(words, dtype=torch.long)], 1)
    said = pair.to_sound(pair.generate(one))
    write_wav("speech.wav", said.flatten(), pair.sample_rate)
    real = torch.cat([sets.test.x[(sets.test.y == y).all(1)][:1] for y in one])
    title = "smoke: hardly trained" if smoke else "Words in one voice"
    rows = {"real": pair.to_sound(real), "made": said}
    spectrograms(rows, pair.sample_rate, title=title).savefig("speech.png", dpi=100)
    print(f"speech.wav, speech.png: {said.numel() / pair.sample_rate:.1f} seconds of speech")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    parser.add_argument("--data-root", help="folder of spoken_digits.npz")
    given = parser.parse_args()
    main(given.smoke, given.data_root)
