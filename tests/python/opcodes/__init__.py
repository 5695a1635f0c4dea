"""Every opcode family: compiled, and equal to the interpreter in everything a caller can see."""
