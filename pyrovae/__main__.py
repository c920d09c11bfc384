"""`python -m pyrovae` is the `pyrovae` command."""

import sys

from .cli import main
from .cli.working_folder import leave_out_of_path

if __name__ == "__main__":
    if not sys.flags.safe_path:
        leave_out_of_path(sys.path[0])  # `python -m` has put the working folder there
    sys.exit(main())
