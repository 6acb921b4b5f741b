"""The command `spigot`, also as `python -m spigot`; so `torchrun -m spigot train ...` works."""

import sys


def run() -> None:
    """Run the command; where the core alone is installed, say what else it needs."""
    try:
        from spigot.cli.main import run as command
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("spigot"):
            raise
        print(f"spigot: error: the command needs {error.name}: pip install 'torch-spigot[nlp]'", file=sys.stderr)
        sys.exit(2)
    command()


if __name__ == "__main__":
    run()
