"""`python -m rheap` is the command `rheap`."""

import sys

from .cli import main

sys.exit(main())
