"""Cells of a table that the mask leaves out are shown as missing."""

import math

import torch

from pyrovae.data import Split
from pyrovae.models import TableVAE
from pyrovae.reporting.forms.table import Table
from pyrovae.reporting.making import made_of


def test_given_rows_show_missing_cells_as_such():
    vae = TableVAE.example()
    x = vae.example_x(6)
    split = Split(x, vae.example_y(x)).labelled()
    made = made_of(vae, vae.model, vae.guide, split, Table(vae))
    assert torch.equal(made.given.isnan(), ~split.y)
    shown = vae.to_columns(made.given)
    assert [[v is None or v != v for v in column] for column in shown.values()] == (
        (~split.y).T.tolist()
    )
    assert all(math.isfinite(value) for value in shown["children"] if value is not None)
