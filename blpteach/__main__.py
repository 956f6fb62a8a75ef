"""`python -m blpteach` does what the command `blpteach` does, where that is not on the path."""
import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
