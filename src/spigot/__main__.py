"""`python -m spigot` is the command `spigot`; so `torchrun -m spigot train ...` works."""

from spigot.cli.main import run

if __name__ == "__main__":
    run()
