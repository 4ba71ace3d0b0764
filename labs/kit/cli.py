"""Owns the assembly of the `lab` command, and the last line of defence: no traceback reaches a user.

Commands register themselves and import what they need when they run: `lab list` shall not pay for Mininet.
Exit codes: 0 all well, 1 something failed, 2 wrong usage, 3 the machine's or the kit's fault.
"""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module
from importlib.util import find_spec

import typer

from swarmkit_py.errors import Internal, InvalidArgument, NotFound, SwarmError, Unavailable
from topologies.cluster import MachineFault

_MODULES = ("labs.kit.lab_commands", "labs.kit.cluster_commands", "labs.kit.break_commands", "labs.kit.doctor",
            "labs.kit.bench_command", "labs.kit.why_command", "labs.kit.watch_command", "labs.kit.sim_command",
            "labs.kit.tap_command", "labs.kit.trace_command",
            "labs.kit.net_command", "labs.kit.pager_command", "labs.kit.grading.command",
            "labs.kit.grading.lint_command", "labs.kit.notes_command", "labs.kit.docs_command",
            "labs.kit.solution_command", "labs.kit.new_command")


def build_app() -> typer.Typer:
    """The whole command."""
    app = typer.Typer(
        name="lab", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Learn container orchestration: a Docker Swarm on emulated hosts, with graded labs.",
    )
    for module in _MODULES:
        if find_spec(module) is not None:
            import_module(module).register(app)
    return app


def exit_code(error: SwarmError) -> int:
    """2 for what was asked wrongly, 3 for the machine's fault, else 1."""
    if isinstance(error, (MachineFault, Internal, Unavailable)):
        return 3
    return 2 if isinstance(error, (InvalidArgument, NotFound)) else 1


def main() -> None:
    """The console script. Always leaves by SystemExit."""
    try:
        build_app()(prog_name="lab")
    except SwarmError as error:
        from labs.kit.told import told_to

        print(f"lab: {told_to(error.message, sys.argv[1:], os.environ)}", file=sys.stderr)
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)
    except Exception as error:  # noqa: BLE001 - the outermost boundary: the user gets a sentence, the file the rest
        print(f"lab: the kit itself failed ({type(error).__name__}: {error}).{_keep_traceback()}", file=sys.stderr)
        sys.exit(3)


def _keep_traceback() -> str:
    """Write the traceback down; the words that say where, or that it could not be done."""
    from topologies import places

    try:
        path = places.make_private(places.bases()[-1]) / "crash.log"
        path.write_text(traceback.format_exc())
    except (OSError, SwarmError):
        return " Its traceback could not be written anywhere."
    return f" The details are in {path}; please report them."


if __name__ == "__main__":
    main()
