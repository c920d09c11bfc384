"""A notebook: bars come and go, tables are HTML, figures pictures; an interrupt keeps its part."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.skipif(
        any(find_spec(name) is None for name in ("nbformat", "nbclient", "ipykernel")),
        reason="needs nbformat, nbclient and ipykernel",
    ),
    pytest.mark.filterwarnings("ignore"),  # of the client's own packages
]

ROOT = Path(__file__).parent.parent

CELLS = {
    "start": """
        import warnings
        warnings.simplefilter("error")
        import sys, time, torch, pyrovae
        from pyrovae.data.synthetic import LinearGaussian
        from pyrovae.runtime.progress import progress_bar
        pair = LinearGaussian.random(data_dim=4, latent_dim=2, seed=0)
        x = pair.sample(30, seed=1)
    """,
    "run": "run = pyrovae.fit(pair, x, val=x, epochs=2, device='cpu'); run",
    "quick": "parts = pyrovae.elbo_parts(pair, x, seed=0); parts",
    "slow": """
        def slow(x):
            time.sleep(0.3)
            return pair.model(x)

        found = pyrovae.log_evidence(slow, pair.guide, x, rows=3, num_particles=30, seed=0); found
    """,
    "nested": """
        with progress_bar(2, "runs", label="outer") as outer:
            for _ in range(2):
                with progress_bar(3, "steps", True) as inner:
                    for _ in range(3):
                        time.sleep(0.45)
                        inner.update()
                outer.update()
    """,
    "silent": "pyrovae.elbo_parts(slow, pair.guide, x, rows=10, seed=0, progress=False);",
    "figure": "found.plot()",
    "frame": "parts.to_frame()",
    "interrupted": """
        def interrupted(x):
            if len(x) == 2:
                raise KeyboardInterrupt
            return pair.model(x)

        pyrovae.log_evidence(interrupted, pair.guide, x, rows=4, num_particles=30, seed=0)
    """,
    "kept": "sys.last_value.partial",
    "error": "print('still works')",
}


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Outputs of the cells by name, and the messages that each sent on its way."""
    import nbclient
    import nbformat

    book = nbformat.v4.new_notebook()
    for name, source in CELLS.items():
        text = "\n".join(line[8:] if line[:8].isspace() else line for line in source.splitlines())
        cell = nbformat.v4.new_code_cell(text.strip())
        cell.metadata["tags"] = ["raises-exception"] if name == "interrupted" else []
        book.cells.append(cell)
    sent = {name: [] for name in CELLS}
    names = list(CELLS)

    class Client(nbclient.NotebookClient):
        def process_message(self, msg, cell, cell_index):
            sent[names[cell_index]].append((msg["msg_type"], msg["content"]))
            return super().process_message(msg, cell, cell_index)

    Client(book, timeout=300, resources={"metadata": {"path": str(ROOT)}}).execute()
    return {name: (cell.outputs, sent[name]) for name, cell in zip(names, book.cells, strict=True)}


def shown(cells, name, kind):
    """What a cell shows of a kind, without bars that are gone."""
    data = [output["data"] for output in cells[name][0] if "data" in output]
    return [d[kind] for d in data if d.get(kind)]


def bars(cells, name):
    """What progress bars showed on their way."""
    updates = [
        c["data"] for t, c in cells[name][1] if t in ("display_data", "update_display_data")
    ]
    return [d["text/html"] for d in updates if "<progress" in d.get("text/html", "")]


@pytest.mark.parametrize("name", ["run", "quick", "slow", "frame", "kept"])
def test_tables_are_html(cells, name):
    assert "<table" in shown(cells, name, "text/html")[-1], cells[name][0]


def test_a_figure_is_a_picture(cells):
    assert shown(cells, "figure", "image/png")


@pytest.mark.parametrize("name", [name for name in CELLS if name != "interrupted"])
def test_nothing_is_on_stderr_and_no_warning_comes(cells, name):
    outputs = cells[name][0]
    assert not [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"]


def test_a_bar_comes_after_two_seconds_moves_and_leaves_nothing(cells):
    seen = bars(cells, "slow")
    shares = [float(re.search(r'value="([\d.]+)"', bar)[1]) for bar in seen]
    assert len(seen) >= 2 and shares == sorted(shares) and 0 < shares[0] < 1
    assert all("of" in bar or "/30 data" in bar for bar in seen)
    assert len(shown(cells, "slow", "text/html")) == 1  # the table alone
    assert not any("30 data [" in text for text in shown(cells, "slow", "text/plain"))


def test_what_is_quick_or_silent_has_no_bar(cells):
    assert bars(cells, "quick") == [] and bars(cells, "silent") == []


def test_bars_within_bars(cells):
    seen = bars(cells, "nested")
    assert any("outer" in bar for bar in seen) and any("steps" in bar for bar in seen)
    assert shown(cells, "nested", "text/html") == []


def test_training_shows_a_bar_that_stays(cells):
    assert "epoch 2/2" in bars(cells, "run")[-1] and "val=" in bars(cells, "run")[-1]
    assert "2/2 steps" in shown(cells, "run", "text/html")[0]


def test_an_interrupt_says_where_the_part_is(cells):
    error = cells["interrupted"][0][-1]
    assert error["ename"] == "Interrupted" and "28 of 30 data" in error["evalue"]
    assert "interrupted: 28 of 30 data" in shown(cells, "kept", "text/html")[0]
