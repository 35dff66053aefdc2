"""Every way to take a block, by every way to close it, by every place that names it.

Run as a process of its own: `python matrix.py FOLDER MODE`, where FOLDER has the compiled module
`consumer`. Prints how many cases there were; ends with an error at the first that does not hold.
"""

import contextlib
import cProfile
import gc
import itertools
import re
import sys
import textwrap
from types import SimpleNamespace

MODE = sys.argv[2]
if MODE == "import under a profiler":
    sys.setprofile(lambda frame, event, argument: None)
    import rheap

    sys.setprofile(None)
elif MODE == "import under a tracer":
    sys.settrace(lambda frame, event, argument: None)
    import rheap

    sys.settrace(None)
else:
    import rheap

# Reports are imported when they are first asked for, and Python 3.12.1 cannot import `ast`, which
# they need, under a tracer that reads the names of a frame.
assert rheap.HeapStats

sys.path.insert(0, sys.argv[1])
from consumer import take  # noqa: E402

SIZE = 64
PATTERN = bytes(range(SIZE))
# The bits of PyBUF_*, all that a request may be made of.
WRITABLE, FORMAT, ND, STRIDES, C, F, ANY, INDIRECT = 1, 4, 8, 0x18, 0x38, 0x58, 0x98, 0x118
FLAGS = sorted(
    {0, *itertools.starmap(int.__or__, itertools.product((0, WRITABLE, FORMAT, WRITABLE | FORMAT),
     (0, ND, STRIDES, C, F, ANY, INDIRECT)))}
)  # fmt: skip
KEEPS = ("nothing", "export", "view.obj", "memoryview", "block")
PINS = ("export", "view.obj", "memoryview")

# How a block that is called {0} is closed, by the function in which that stands.
CLOSINGS = {
    "with": "with {0}: pass",
    "with, an exception": "with suppress(KeyError), {0}: raise KeyError",
    "__exit__": "{0}.__exit__(None, None, None)",
    "free": "{0}.free()",
    "Block.free": "Block.free({0})",
    "heap.free": "heap.free({0})",
    "r_free": "r_free({0})",
    "drop": "del {0}",
    "heap.close": "heap.close()",
}
REFUSE_PINNED = ("free", "Block.free", "heap.free", "r_free")

# What names the block while it is closed. {close} is one of the above.
NAMES = {
    "name": """
        def case():
            block = make()
            kept = look(block)
            {close:block}
            return kept, returned()
        """,
    "cell": """
        def case():
            block = make()
            kept = look(block)
            def other(): return block
            {close:block}
            return kept, returned()
        """,
    "generator": """
        def cases():
            block = make()
            kept = look(block)
            yield
            {close:block}
            yield kept, returned()
        def case():
            steps = cases()
            next(steps)
            return next(steps)
        """,
    "coroutine": """
        async def use():
            block = make()
            kept = look(block)
            {close:block}
            return kept, returned()
        def case():
            try:
                use().send(None)
            except StopIteration as end:
                return end.value
        """,
    "module": """
        block = make()
        kept = look(block)
        {close:block}
        result = kept, returned()
        """,
    "class": """
        def case():
            class Body:
                block = make()
                kept = look(block)
                {close:block}
                result = kept, returned()
            return Body.result
        """,
    "free variable": """
        def case():
            block = make()
            kept = look(block)
            def close():
                nonlocal block
                {close:block}
            close()
            return kept, returned()
        """,
    "attribute": """
        def case():
            holder = SimpleNamespace(block=make())
            kept = look(holder.block)
            {close:holder.block}
            return kept, returned()
        """,
    "container": """
        def case():
            blocks = [make()]
            kept = look(blocks[0])
            {close:blocks[0]}
            return kept, returned()
        """,
    "popped": """
        def case():
            blocks = [make()]
            kept = look(blocks[0])
            {close:blocks.pop()}
            return kept, returned()
        """,
    "argument": """
        def case():
            block = make()
            kept = look(block)
            close(block)
            return kept, returned()
        def close(block):
            {close:block}
        """,
}
# Closings that belong to one place, or to a name that is gone by then.
SPECIAL = {
    "deleted in the with": """
        def case():
            with make() as block:
                kept = look(block)
                del block
            return kept, returned()
        """,
    "rebound in the with": """
        def case():
            with make() as block:
                kept = look(block)
                block = None
            return kept, returned()
        """,
    "kept by the target only": """
        def case():
            class Target:
                def __setattr__(self, name, block):
                    object.__setattr__(self, name, look(block))
            target = Target()
            with make() as target.kept:
                pass
            return target.kept, returned()
        """,
    "with as": """
        def case():
            with make() as block:
                kept = look(block)
            return kept, returned()
        """,
    "bound __exit__": """
        def case():
            block = make()
            kept = look(block)
            leave = block.__exit__
            del block
            leave(None, None, None)
            return kept, returned()
        """,
    "bound free": """
        def case():
            block = make()
            kept = look(block)
            free = block.free
            del block
            with suppress(BlockPinned):
                free()
            return kept, returned()
        """,
    # From 3.14 on arguments borrow the references of the variables that they come from.
    "an argument given twice": """
        def close(one, two):
            one.__exit__(None, None, None)
        def case():
            block = make()
            kept = look(block)
            close(block, block)
            return kept, returned()
        """,
    "an argument under another name": """
        def close(one):
            two = three = one
            two.__exit__(None, None, None)
        def case():
            block = make()
            kept = look(block)
            close(block)
            return kept, returned()
        """,
    "an argument handed on": """
        def close(one, *more):
            (lambda one, two: one.__exit__(None, None, None))(one, one)
        def case():
            block = make()
            kept = look(block)
            close(block, block, block)
            return kept, returned()
        """,
    "an argument in a cell": """
        def close(one, two):
            def inner():
                one.__exit__(None, None, None)
            inner()
        def case():
            block = make()
            kept = look(block)
            close(block, block)
            return kept, returned()
        """,
    "an argument of a generator": """
        def close(one, two):
            yield
            one.__exit__(None, None, None)
        def case():
            block = make()
            kept = look(block)
            list(close(block, block))
            return kept, returned()
        """,
    "freed as an argument": """
        def close(one, two):
            with suppress(BlockPinned):
                heap.free(one)
            with suppress(Exception):
                Block.free(two)
        def case():
            block = make()
            kept = look(block)
            close(block, block)
            return kept, returned()
        """,
    "a comprehension": """
        def blocks():
            yield make()
        def case():
            ((kept, _),) = [(look(block), block.__exit__(None, None, None)) for block in blocks()]
            return kept, returned()
        """,
    "a namespace of its own": """
        class Space(dict):
            pass
        class Meta(type):
            @classmethod
            def __prepare__(cls, name, bases):
                return Space()
        def case():
            class Body(metaclass=Meta):
                block = make()
                kept = look(block)
                block.free() if keep == "nothing" else block.__exit__(None, None, None)
                result = kept, returned()
            return Body.result
        """,
    "an exit stack": """
        def case():
            with ExitStack() as stack:
                kept = look(stack.enter_context(make()))
            return kept, returned()
        """,
    "a tuple of arguments": """
        def case():
            arguments = (make(),)
            kept = look(*arguments)
            with suppress(BlockPinned):
                Block.free(*arguments)
            return kept, returned()
        """,
    "a tuple of arguments of the heap": """
        def case():
            arguments = (make(),)
            kept = look(*arguments)
            with suppress(BlockPinned):
                heap.free(*arguments)
            return kept, returned()
        """,
    "a tuple of arguments of r_free": """
        def case():
            arguments = (make(),)
            kept = look(*arguments)
            with suppress(BlockPinned):
                r_free(*arguments)
            return kept, returned()
        """,
    "a key of sorted": """
        def case():
            blocks = [make()]
            kept = look(blocks[0])
            with suppress(BlockPinned):
                sorted(blocks, key=heap.free)
            return kept, returned()
        """,
}
# What refers to the block there may be a consumer, for all that anybody can tell.
WAITS = {
    *((name, closing) for name in ("free variable", "attribute", "container", "argument")
      for closing in CLOSINGS if closing not in ("drop", "heap.close")),
    *(what for what in SPECIAL if what.startswith(("a tuple", "a key", "a namespace"))),
}  # fmt: skip
# Where nothing but names refers to the block, the memory is to return at once.
PROMPT = {
    *((name, closing) for name in ("name", "cell", "generator", "coroutine", "module", "class")
      for closing in CLOSINGS),
    *(("popped", closing) for closing in CLOSINGS),
    "with as", "deleted in the with", "rebound in the with", "kept by the target only",
    "bound __exit__", "bound free", "a comprehension", "an exit stack",
}  # fmt: skip


def source_of(text, close):
    closing = re.compile(r"\{close:(.*?)\}")
    return textwrap.dedent(closing.sub(lambda found: close.format(found[1]), text))


class Case:
    """One heap, one block in it, and somebody who takes it."""

    def __init__(self, what, source, flags, keep):
        self.what, self.flags, self.keep = what, flags, keep
        self.heap = rheap.init_heap(2048)
        self.space = {
            "Block": rheap.Block,
            "BlockPinned": rheap.BlockPinned,
            "ExitStack": contextlib.ExitStack,
            "SimpleNamespace": SimpleNamespace,
            "heap": self.heap,
            "keep": keep,
            "look": lambda block: take(block, flags, keep),
            "make": self.make,
            "r_free": rheap.r_free,
            "returned": self.returned,
            "suppress": contextlib.suppress,
        }
        self.source = source

    def close(self):
        exec(self.source, self.space)
        return self.space["case"]() if "case" in self.space else self.space.pop("result")

    def make(self):
        block = self.heap.alloc(SIZE)
        block[:] = PATTERN
        return block

    def returned(self):
        return None if self.heap.closed else self.heap.stats().live_blocks == 0

    def overwrite(self):
        """Writes over every byte that the heap could give to somebody else."""
        if self.heap.closed:
            return
        blocks = []
        with contextlib.suppress(rheap.HeapExhausted):
            while True:
                blocks.append(self.heap.alloc(16))
                blocks[-1][:] = b"\xee" * 16

    def run(self, around):
        kept, returned = around(self.close)
        self.overwrite()
        story = f"{self.what}, flags {self.flags:#x}, keeps {self.keep}"
        if self.keep != "nothing":
            assert kept.intact(), f"freed under a consumer: {story}"
            assert returned is not True, f"memory of a consumer counts as free: {story}"
        elif returned is not None and self.what in PROMPT and MODE in ("plain", "cProfile"):
            assert returned, f"waits for no reason: {story}"
        if self.what in WAITS:
            assert not returned, f"counts what is no name: {story}"
        self.space.clear()
        self.overwrite()
        assert self.keep == "nothing" or kept.intact(), f"freed under a consumer later: {story}"
        del kept
        if not self.heap.closed:
            if self.heap.stats().live_blocks:
                gc.collect()  # a class is a cycle
            assert self.heap.stats().live_blocks == 0, f"never returned: {story}"
            self.heap.check()


def cases():
    for name, closing in itertools.product(NAMES, CLOSINGS):
        if (name, closing) != ("popped", "drop"):  # `del blocks.pop()` is no Python
            yield (name, closing), NAMES[name], CLOSINGS[closing]
    for what, text in SPECIAL.items():
        yield what, text, ""


def close_of(what, close, keep):
    """A pinned block refuses to be freed; then it is left instead."""
    if keep in PINS and isinstance(what, tuple) and what[1] in REFUSE_PINNED:
        return f"with suppress(BlockPinned): {close}"
    return close


def look_at(frame, event, argument):
    """What debuggers do: on some Pythons it leaves a snapshot of the variables behind."""
    dict(frame.f_locals)
    return look_at


def traced(call):
    sys.settrace(look_at)
    try:
        return call()
    finally:
        sys.settrace(None)


def profiled(call):
    sys.setprofile(look_at)
    try:
        return call()
    finally:
        sys.setprofile(None)


def monitored(call):
    """All events of all functions, as coverage and debuggers ask for them since 3.12."""
    monitoring = sys.monitoring
    monitoring.use_tool_id(0, "matrix")
    events = monitoring.events
    names = [name for name in vars(events) if name.isupper() and name != "NO_EVENTS"]
    local = [name for name in names if name not in ("RAISE", "RERAISE", "C_RETURN", "C_RAISE")]
    for name in local:
        monitoring.register_callback(0, getattr(events, name), lambda *_: None)
    monitoring.set_events(0, sum(getattr(events, name) for name in local))
    try:
        return call()
    finally:
        monitoring.set_events(0, 0)
        monitoring.free_tool_id(0)


AROUND = {
    "monitored": monitored,
    "traced": traced,
    "profiled": profiled,
    "cProfile": lambda call: cProfile.Profile().runcall(call),
}


def main():
    around = AROUND.get(MODE, lambda call: call())
    count = 0
    for what, text, close in cases():
        for keep in KEEPS:
            source = compile(source_of(text, close_of(what, close, keep)), str(what), "exec")
            for flags in FLAGS if MODE == "plain" else FLAGS[::5]:
                Case(what, source, flags, keep).run(around)
                count += 1
    # What is left to the interpreter's exit: consumers look once more when they are dropped.
    heap = rheap.Heap("1 MiB")
    for keep, holder in itertools.product(KEEPS[1:], (globals(), rheap.__dict__)):
        block = heap.alloc(SIZE)
        block[:] = PATTERN
        holder[f"left_{keep}_a"] = take(block, 0, keep)
        holder[f"left_{keep}_b"] = block
        block.__exit__(None, None, None)
    print(count, "cases")


main()
