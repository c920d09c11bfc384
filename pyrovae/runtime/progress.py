"""Progress bars, on a terminal and in a notebook."""

from tqdm.auto import tqdm


def progress_bar(total: int | None, unit: str, progress: bool | None = None) -> tqdm:
    """A bar that shows after two seconds, and leaves nothing behind.

    Args:
        total: How many of them there will be.
        unit: What is counted, in the plural: "data".
        progress: None shows it on a terminal and in a notebook, True always, False never.
    """
    hidden = None if progress is None else not progress  # None: where stderr is no terminal
    return tqdm(total=total, unit=f" {unit}", disable=hidden, delay=2, leave=False)
