"""The command line: ``clvmodels COMMAND``, or ``python -m clvmodels COMMAND``.

`options` declares what commands share, `commands`, `refunding`, `judging`, `comparing`, `deciding` and `jobs` hold the
commands, `demo` shows the whole street on a bundled sample, `show` says results. Results go to stdout, errors and
progress to stderr, progress only where that is a terminal.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, TextIO

import typer

from clvmodels import __version__
from clvmodels.cli import commands, comparing, deciding, jobs, judging, refunding
from clvmodels.cli.demo import demo
from clvmodels.cli.options import expands
from clvmodels.errors import ClvError, ClvWarning, exit_code

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    add_help_option=False,  # typer's own loads its validation library, which doubles the time of every help
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 unexpected error, 2 wrong usage, 3 input refused, 4 fit failed, 75 try again later; "
    "of run also 5 published with a warning, 99 nothing to do.",
)
for command in (
    demo,
    commands.summarise,
    commands.fit,
    commands.forecast,
    refunding.refunds,
    judging.backtest,
    judging.report,
    comparing.compare,
    deciding.value,
    jobs.init,
    jobs.validate,
    jobs.run,
    jobs.status,
    jobs.history,
    jobs.rollback,
    jobs.fits,
):
    app.command()(expands(command))


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"clvmodels {__version__}")
        raise typer.Exit


def _say_help(context: typer.Context, wanted: bool) -> None:
    if wanted:
        typer.echo(context.get_help())
        raise typer.Exit


@app.callback()
def _street(
    version: Annotated[
        bool,
        typer.Option("--version", help="Say which version this is.", callback=_say_version, is_eager=True),
    ] = False,
    usage: Annotated[
        bool, typer.Option("-h", "--help", help="Say this.", callback=_say_help, is_eager=True)
    ] = False,
) -> None:
    """Customer lifetime value from transaction logs: forecasts with intervals, judged by backtests."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; a mistake ends in one line on stderr and the exit code of its kind.

    Parameters
    ----------
    arguments
        Words of the command line, by default those of this process.

    Raises
    ------
    SystemExit
        Always: 0 done, 1 unexpected error, 2 wrong usage, 3 input refused, 4 fit failed, 75 try again later; of
        ``run`` also 5 published with a warning, 99 nothing to do.
    """
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            app(arguments, prog_name="clvmodels")
        except ClvError as error:
            typer.echo(f"clvmodels: {_one_line(error)}", err=True)
            raise SystemExit(exit_code(error)) from None
        except OSError as error:
            typer.echo(f"clvmodels: the system refused: {_one_line(error)}", err=True)
            raise SystemExit(exit_code(error)) from None


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    text = f"clvmodels: warning: {_one_line(message)}"
    if not issubclass(category, ClvWarning):
        text = warnings.formatwarning(message, category, filename, lineno, line).rstrip()
    typer.echo(text, file=file or sys.stderr)


def _one_line(message: object) -> str:
    return " ".join(str(message).split())
