"""`python -m rheap` is the command `rheap`."""

import sys

from .commands.main import main

sys.exit(main())
