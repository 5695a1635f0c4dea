"""System call filters: a kernel that refuses executable memory, or ends who asks for what is writable as well.

Only for x86-64 Linux. A filter stays for the rest of the process, and for its children.
"""

from __future__ import annotations

import ctypes
import mmap
import struct

_libc = ctypes.CDLL(None, use_errno=True)
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_SET_MDWE = 22, 38, 65
SECCOMP_MODE_FILTER = 2
ALLOW, KILL_PROCESS, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
EPERM, EACCES, ENOMEM = 1, 13, 12
MMAP, MPROTECT, PKEY_MPROTECT, SHMAT = 9, 10, 329, 30
WRITE, EXECUTE = mmap.PROT_WRITE, mmap.PROT_EXEC

# struct seccomp_data: the call's number, then its arguments; protection is the third of mmap and mprotect.
_NUMBER, _PROTECTION = 0, 16 + 2 * 8
_LOAD, _AND, _IF_EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x06  # linux/bpf_common.h


def _filter(calls: list[int], bits: int, verdict: int) -> list[tuple[int, int, int, int]]:
    """Calls with all these bits in their protection get the verdict; everything else is allowed."""
    program = [(_LOAD, 0, 0, _NUMBER)]
    for i, call in enumerate(calls):
        more = len(calls) - 1 - i
        program.append((_IF_EQUAL, more + 1 if more else 1, 0, call))
    # None of them: jump over one, to "allow"; any of them comes behind it.
    program += [(_RETURN, 0, 0, ALLOW), (_LOAD, 0, 0, _PROTECTION), (_AND, 0, 0, bits)]
    return [*program, (_IF_EQUAL, 0, 1, bits), (_RETURN, 0, 0, verdict), (_RETURN, 0, 0, ALLOW)]


def install(calls: list[int], bits: int, verdict: int) -> None:
    """From here on, memory with all of *bits* set gets *verdict* from any of *calls*."""
    instructions = b"".join(struct.pack("HBBI", *i) for i in _filter(calls, bits, verdict))
    buffer = ctypes.create_string_buffer(instructions)
    header = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(instructions) // 8, ctypes.addressof(buffer))
    )
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    _prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(header))


def refuse_executable_memory(
    error: int = EPERM, calls: tuple[int, ...] = (MMAP, MPROTECT, PKEY_MPROTECT)
) -> None:
    """Executable memory is refused from here on, whatever has been mapped before stays."""
    install(list(calls), EXECUTE, ERRNO | error)
    assert not executable_memory_is_there() or MPROTECT not in calls


def die_of_writable_executable_memory() -> None:
    """Whoever asks for memory that is writable and executable at once is killed."""
    install([MMAP, MPROTECT, PKEY_MPROTECT], WRITE | EXECUTE, KILL_PROCESS)


def deny_write_and_execute() -> bool:
    """The kernel's own policy (Linux 6.3): what has been writable never becomes executable. False: not there."""
    return _libc.prctl(PR_SET_MDWE, ctypes.c_ulong(1), 0, 0, 0) == 0


def executable_memory_is_there() -> bool:
    """Whether a page that was writable may become executable."""
    _libc.mmap.restype = ctypes.c_void_p
    page = _libc.mmap(
        None, ctypes.c_size_t(4096), mmap.PROT_READ | WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANON, -1, 0
    )
    allowed = _libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(4096), mmap.PROT_READ | EXECUTE) == 0
    _libc.munmap(ctypes.c_void_p(page), ctypes.c_size_t(4096))
    return allowed


def _prctl(option: int, *arguments: int) -> None:
    filled = [ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0)[:4]]
    if _libc.prctl(option, *filled) != 0:
        raise OSError(ctypes.get_errno(), "prctl", str(option))
