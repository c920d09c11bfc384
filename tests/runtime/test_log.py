"""The log on stderr, for a command."""

import logging
import re
from contextlib import contextmanager

from pyrovae.cli import main
from pyrovae.runtime.log import LOG, log_on_stderr
from tests.cli.commands import SMALL


@contextmanager
def bare_logging():
    """Logging as a process begins, without pytest's handlers."""
    root = logging.getLogger()
    handlers, level, root.handlers = root.handlers, root.level, []
    try:
        yield
    finally:
        root.handlers = handlers
        root.setLevel(level)


def test_lines_have_the_time_and_nothing_stays(capsys):
    before = LOG.level, list(LOG.handlers)
    with bare_logging(), log_on_stderr():
        LOG.info("epoch %s", 3)
        LOG.debug("too much")
    LOG.info("later")
    assert (LOG.level, LOG.handlers) == before
    out, err = capsys.readouterr()
    assert out == "" and re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d epoch 3\n", err)


def test_lines_come_once_where_the_caller_has_configured_logging(capsys):
    with bare_logging():
        logging.basicConfig(level="INFO", format="mine %(message)s")
        with log_on_stderr():
            LOG.info("epoch")
    assert capsys.readouterr().err == "mine epoch\n"


def test_a_batch_job_shows_how_far_it_is(tmp_path, capsys):
    words = ["fit", "--data", "digits", "--model", "VAE", *SMALL, "--run", str(tmp_path / "run")]
    with bare_logging():
        code = main(words)
    err = capsys.readouterr().err
    assert code == 0, err
    assert re.search(r"^[\d-]+ [\d:]+ epoch 1/2: train .*left$", err, re.M), err
    assert re.search(r"^[\d-]+ [\d:]+ epoch 2/2: train .*after \d+\.\d s$", err, re.M), err
