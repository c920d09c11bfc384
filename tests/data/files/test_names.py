"""What names of arrays say, and what they do not."""

import pytest

from pyrovae.data.files import arrange


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["whatever"], {None: {"x": "whatever"}}),
        (["x", "y"], {None: {"x": "x", "y": "y"}}),
        (["labels", "images"], {None: {"x": "images", "y": "labels"}}),
        (["data", "target"], {None: {"x": "data", "y": "target"}}),
        (["X", "Y"], {None: {"x": "X", "y": "Y"}}),
        (
            ["x_train", "y_train", "x_test", "y_test"],
            {"train": {"x": "x_train", "y": "y_train"}, "test": {"x": "x_test", "y": "y_test"}},
        ),
        (
            ["train", "valid", "test"],
            {"train": {"x": "train"}, "val": {"x": "valid"}, "test": {"x": "test"}},
        ),
        (
            ["train_images", "val_images", "train_labels", "val_labels"],
            {
                "train": {"x": "train_images", "y": "train_labels"},
                "val": {"x": "val_images", "y": "val_labels"},
            },
        ),
        (
            ["train/x", "test/x", "dev/x"],
            {"train": {"x": "train/x"}, "test": {"x": "test/x"}, "val": {"x": "dev/x"}},
        ),
        (["X-train", "X-test"], {"train": {"x": "X-train"}, "test": {"x": "X-test"}}),
        (["a", "b"], None),
        (["image", "mask"], None),
        (["x", "images"], None),
        (["y", "labels"], None),
        (["y"], {None: {"x": "y"}}),
        (["x", "x_test"], None),
        (["x_val", "x_test"], None),
        (["y_train", "x_test"], None),
        (["x_train_val", "x_test"], None),
        (["latents_classes", "imgs", "metadata"], None),
        ([], None),
    ],
)
def test_arrange(names, found):
    assert arrange(names) == found
