"""`python -m pyrovae` is the `pyrovae` command."""

import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:
        # `python -m` has put the working folder there, whose `torch.py` would be imported.
        sys.path[:] = [place for place in sys.path if place not in ("", sys.path[0])]
    from .cli import main

    sys.exit(main())
