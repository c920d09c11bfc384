"""The file of a page: where it is, and what it must not replace."""

from pathlib import Path

from ..errors import ConfigError

PAGE = "report.html"
_FIRST_BYTES = 4096


def check_page_file(out: Path) -> None:
    """Refuse to replace a file that is no page of this library.

    Raises:
        ConfigError: It is something else.
    """
    if out.suffix not in (".html", ".htm"):
        raise ConfigError(f"--out {out}: a page is an .html file; name one")
    if not out.exists():
        return
    try:
        with out.open("rb") as file:
            is_page = b'content="pyrovae"' in file.read(_FIRST_BYTES)
    except OSError as error:
        raise ConfigError(f"--out {out}: {error.strerror or error}; name another file") from error
    if not is_page:
        raise ConfigError(
            f"{out} is no page that pyrovae wrote, and would be replaced; name another file with "
            "--out, or move it away"
        )


def address(out: Path) -> str:
    """The address of a file, which terminals open in a browser when it is clicked."""
    return out.absolute().as_uri()
