"""The scripts are users' and no modules of tests: importing them runs them."""

from pathlib import Path

collect_ignore = [
    path.name
    for path in sorted(Path(__file__).parent.glob("*.py"))
    if not path.name.startswith(("test_", "conftest", "__init__"))
]
