"""The monitor's "info registers" → registers by name."""

import pytest

from kernel_magics.boot.registers import parse_registers

# The shape is QEMU's; the numbers are chosen so that each field differs.
LONG_MODE = """
CPU#0
RAX=ffff800000192010 RBX=0000000000000002 RCX=0000000000000003 RDX=00000010008ffa40
RSI=0000000000005413 RDI=0000000000000006 RBP=ffff80000019ff30 RSP=ffff80000019ff18
R8 =00000000001638e0 R9 =000000000010c233 R10=0000000000156540 R11=0000000000000246
R12=0000000000000010 R13=0000000000000001 R14=00000010008ffa40 R15=000000000000000f
RIP=0000000000156550 RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0
CS =0008 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]
FS =0000 0000001000901b28 00000000 00000000
GS =0018 0000000000000000 00000000 00000000
CR0=80010033 CR2=0000001000900000 CR3=0000000000158000 CR4=000006a0
EFER=0000000000000d00
XMM00=0000000000000000 0000000000000000 XMM01=0000000000000000 0000000000000000
"""
REAL_MODE = "EAX=00000001 EBX=00000002\nEIP=0000fff0 EFL=00000002 [-------] CPL=0\nCR3=00000000\n"


def test_long_mode_has_every_register():
    registers = parse_registers(LONG_MODE)
    assert registers["rax"] == 0xFFFF800000192010 and registers["r15"] == 15
    assert (registers.rip, registers.rflags) == (0x156550, 0x246)
    assert (registers["cs"], registers["gs"], registers["fs_base"]) == (8, 0x18, 0x1000901B28)
    assert (registers["cr3"], registers["efer"]) == (0x158000, 0xD00)
    assert registers.flags == ("PF", "ZF", "IF")
    assert "xmm00" not in registers and "cpl" not in registers


def test_real_mode_has_the_same_names():
    registers = parse_registers(REAL_MODE)
    assert dict(registers) == {"rax": 1, "rbx": 2, "rip": 0xFFF0, "rflags": 2, "cr3": 0}


def test_the_text_is_short_and_names_flags():
    lines = repr(parse_registers(LONG_MODE)).splitlines()
    assert lines[0].split()[:4] == ["rax", "ffff800000192010", "rbx", "0000000000000002"]
    assert lines[-1] == "  flags PF ZF IF" and max(map(len, lines)) <= 100


@pytest.mark.parametrize("text", ["", "unknown command: 'info registers'", "RIP=zz RAX"])
def test_what_is_no_list_of_registers_gives_none(text):
    assert len(parse_registers(text)) == 0


def test_a_register_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no register is called 'rox'"):
        _ = parse_registers(LONG_MODE).rox
