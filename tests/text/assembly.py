"""Machine code as text that is the same in every run: addresses become names and labels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import FunctionType
from typing import Any

import capstone
from capstone import x86

from whipsnake import _core

_LOW_HALF = 0xFFFFFFFF
_RIP = re.compile(r"\[rip [+-] 0x[0-9a-f]+\]")
_LARGE = re.compile(r"0x[0-9a-f]{6,16}\b")
_WIDE = {"eax": "rax", "ecx": "rcx", "edx": "rdx", "esi": "rsi", "edi": "rdi", "ebx": "rbx", "ebp": "rbp"}


class _Names:
    """What addresses are called: known ones by their symbol, the others in the order in which they appear."""

    def __init__(self, symbols: Mapping[int, str]) -> None:
        self._symbols = symbols
        self._units = {a & _LOW_HALF: name for a, name in symbols.items() if name.startswith("@")}
        self._met: dict[int, str] = {}

    def known(self, address: int) -> str | None:
        return self._symbols.get(address) or self._met.get(address)

    def data(self, address: int) -> str:
        """The name of a place in the data half of the code heap, or of an object."""
        return self.known(address) or self._met.setdefault(address, f"data{len(self._met) + 1}")

    def unit(self, low_half: int) -> str | None:
        """The name of a code unit, of whose address machine code stores only the lower half."""
        return self._units.get(low_half & _LOW_HALF)


def listing(function: FunctionType) -> str:
    """The assembly of a compiled function.

    Labels: ``entry_N`` where the interpreter may enter before instruction N, ``L1``... for other targets of
    jumps. Names in operands come from ``_core.machine_code()``;
    ``@N`` is the address of code unit N. ``dataN`` are cells of inline caches, helpers without a name, and
    other addresses.
    """
    found = _core.machine_code(function)
    assert found is not None, f"{function.__qualname__} is not compiled"
    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    decoder.detail = True
    code, start = found["code"], found["address"]
    instructions = list(decoder.disasm(code, start))
    assert sum(i.size for i in instructions) == len(code), "not everything is code"
    labels = _labels(instructions, found)
    names = _Names({a: name for a, name in found["symbols"].items() if a not in labels})
    lines = []
    for instruction in instructions:
        if instruction.address in labels:
            lines.append(f"{labels[instruction.address]}:")
        lines.append("        " + _text(instruction, labels, names))
    return "\n".join(lines) + "\n"


def _labels(instructions: list[Any], found: _core.MachineCode) -> dict[int, str]:
    start, end = found["address"], found["address"] + len(found["code"])
    labels = {start + offset: f"entry_{index}" for index, offset in found["entries"]}
    labels |= {a: name for a, name in found["symbols"].items() if start <= a < end}
    targets = {
        i.operands[0].imm
        for i in instructions
        if (i.group(x86.X86_GRP_JUMP) or i.group(x86.X86_GRP_CALL)) and i.operands[0].type == x86.X86_OP_IMM
    }
    labels |= {
        a: found["symbols"][a] for a in targets if not start <= a < end
    }  # code that all functions share
    for target in sorted(targets - labels.keys()):
        labels[target] = f"L{sum(name.startswith('L') for name in labels.values()) + 1}"
    return labels


def _text(instruction: Any, labels: Mapping[int, str], names: _Names) -> str:
    mnemonic, operands = instruction.mnemonic, instruction.op_str
    for operand in instruction.operands:
        if operand.type == x86.X86_OP_MEM and operand.mem.base == x86.X86_REG_RIP:
            name = names.data(instruction.address + instruction.size + operand.mem.disp)
            operands = _RIP.sub(f"[{name}]", operands)

    def name_of(match: re.Match[str]) -> str:
        value = int(match[0], 16)
        if value in labels:
            return labels[value]
        is_store = operands.startswith("dword ptr [rbx")
        if is_store and (unit := names.unit(value)):
            return unit
        if (known := names.known(value)) is not None:
            return known
        return names.data(value) if value > 0xFFFF_FFFF and value >> 47 == 0 else match[0]

    named = _LARGE.sub(name_of, operands)
    if named != operands and mnemonic in ("mov", "movabs"):
        # A pointer's encoding depends on its value: 5 or 10 bytes, for the 32- or the 64-bit register.
        mnemonic = "mov"
        register, comma, rest = named.partition(", ")
        named = _WIDE.get(register, re.sub(r"^(r\d+)d$", r"\1", register)) + comma + rest
    return f"{mnemonic:<8}{named}".rstrip()
