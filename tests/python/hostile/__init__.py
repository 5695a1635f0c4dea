"""Conditions that no program asks for: refusals, failing allocations, fork storms, small stacks, hostile bytecode."""
