"""A run of pairs of texts: what is made stands behind its source; lines between two texts."""

from pyrovae.cli import main
from pyrovae.data import DateFormats


def test_from_a_file_to_lines(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pairs = DateFormats().pairs(40)
    (tmp_path / "pairs.tsv").write_text("\n".join("\t".join(pair) for pair in pairs))
    words = (
        "fit --data text_pairs --data.pairs pairs.tsv --model SequenceToSequence "
        "--model.latent_dim 2 --epochs 1 --test-particles 0 --run r"
    )
    assert main(words.split()) == 0
    assert main("sample r --n 3".split()) == 0
    lines = (tmp_path / "r" / "sample.txt").read_text().splitlines()
    assert len(lines) == 3
    known = {source for source, _ in pairs}
    assert {line.split("\t")[0] for line in lines} <= known
    assert main("reconstruct r --n 2".split()) == 0
    capsys.readouterr()
    assert main("interpolate r --num-pairs 1 --steps 3 --path linear".split()) == 0
    told = capsys.readouterr().out
    assert "edits on the way" in told and " to " in told and "0.50" in told
