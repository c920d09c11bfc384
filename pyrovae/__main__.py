"""`python -m pyrovae` is the `pyrovae` command."""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # `python -m` has put the working folder there, whose `torch.py` would be imported below.
    del sys.path[0]

from .cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
