"""What the processor pushes on an interrupt, found on a stack."""

import pytest

from kernel_magics.inspect.stacks.saved_registers import of_interrupt

CODE = range(0x100000, 0x200000)
STACK = 0x8000
RIP, RSP, FLAGS = 16, 7, 49


def stack(*words):
    """Read words that lie from STACK on."""
    return lambda address: words[(address - STACK) // 8] \
        if 0 <= address - STACK < 8 * len(words) else None


def found(*words):
    return of_interrupt(stack(*words), STACK, lambda address: address in CODE)


def test_a_frame_at_the_stack_pointer():
    assert found(0x100123, 8, 0x246, 0x9000, 0x18) == {RIP: 0x100123, RSP: 0x9000, FLAGS: 0x246}
    assert found(0, 8, 0x246, 0x9000, 0)[RIP] == 0, "the guest jumped to nowhere"


@pytest.mark.parametrize("pushed", [1, 3, 8])
def test_a_frame_behind_what_the_handler_pushed(pushed):
    assert found(*[5] * pushed, 0x100123, 8, 0x2, 0x9000, 0x10)[RIP] == 0x100123


def test_the_registers_that_an_interrupt_handler_pushes():
    registers = found(1, 2, 3, 4, 5, 6, 0x100123, 8, 0x2, 0x9000, 0x18)
    assert {number: registers[number] for number in (4, 5, 1, 2, 3, 0)} == \
        {4: 1, 5: 2, 1: 3, 2: 4, 3: 5, 0: 6}


def test_what_is_no_frame_is_none():
    assert found() == {} and found(0x100123, 8, 0x2, 0x9000) == {}, "it is cut off"
    assert found(0x100123, 0x33, 0x2, 0x9000, 0x2B) == {}, "other selectors"
    assert found(*[5] * 9, 0x100123, 8, 0x2, 0x9000, 0x18) == {}, "too far away"
    assert found(7, 0x50, 8, 0x2, 0x9000, 0x18) == {}, "no code is there"
