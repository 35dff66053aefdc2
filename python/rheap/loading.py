"""What a program that only allocates does not need is imported when it is first asked for."""

from __future__ import annotations

import os
from _thread import RLock

no_fork = RLock()
"""Held around such an import. A child that is forked while another thread imports a module would
wait for that thread for ever: the module's lock stays taken in the child. So forks wait."""

os.register_at_fork(
    before=no_fork.acquire, after_in_parent=no_fork.release, after_in_child=no_fork.release
)
