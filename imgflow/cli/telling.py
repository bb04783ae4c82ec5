"""How commands talk: results and JSON on stdout, everything for a person watching on stderr, errors as a sentence."""

import functools
import signal
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from rich.console import Console

from imgflow.errors import ImgflowError, UsageError

stdout = Console()
stderr = Console(stderr=True)

Command = TypeVar("Command", bound=Callable[..., Any])


def show(text: str) -> None:
    """A line of result, as it is: nothing in it is markup, and nothing is wrapped."""
    stdout.print(text, markup=False, soft_wrap=True, highlight=False)


def tell(text: str, style: str) -> None:
    """The same on stderr, for whoever watches."""
    stderr.print(text, style=style, markup=False, soft_wrap=True, highlight=False)


def told_plainly(command: Command) -> Command:
    """Show our own errors as a sentence. Exit code 2: a mistake of the user's; 1: trouble elsewhere; 130: Ctrl-C."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except ImgflowError as error:
            tell(f"Error: {error}", "red")
            sys.exit(2 if isinstance(error, UsageError) else 1)
        except KeyboardInterrupt:
            tell("Stopped.", "bold red")
            sys.exit(128 + signal.SIGINT)

    return wrapped  # type: ignore[return-value]
