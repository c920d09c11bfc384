"""`python -m pyrovae` is the `pyrovae` command."""

import sys

from .cli import main

sys.exit(main())
