"""`python -m blpteach` does what the command `blpteach` does, where that is not on the path."""
import sys

from .cli import main

sys.exit(main())
