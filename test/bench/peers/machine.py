# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""The machine: what it is, and how much of it others used while we measured."""

import os
import resource

VECTORS = ("avx2", "fma", "avx512f", "avx512bw", "avx512_bf16", "amx_bf16")


def describe():
    """Processor, cores and vector instructions."""
    with open("/proc/cpuinfo", encoding="utf-8") as stream:
        info = dict(line.split(":", 1) for line in stream if ":" in line)
    info = {key.strip(): value.strip() for key, value in info.items()}
    flags = info.get("flags", "").split()
    return {
        "processor": info.get("model name", "unknown"),
        "cores": os.cpu_count(),
        "vectors": [flag for flag in VECTORS if flag in flags],
    }


class Meter:
    """Processor time from its creation on: ours, that of others, and what was left."""

    def __init__(self):
        self.begin = self._read()

    @staticmethod
    def _read():
        """Ticks of all processors together, of them busy ones, and seconds of our children that have ended."""
        with open("/proc/stat", encoding="ascii") as stream:
            user, nice, system, idle, wait, *rest = map(int, stream.readline().split()[1:9])
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        busy = user + nice + system + sum(rest)
        return busy + idle + wait, busy, children.ru_utime + children.ru_stime

    def others(self):
        """The part of the processors' time that others used, hypervisor included, from 0 to 1."""
        total, busy, own = (now - then for now, then in zip(self._read(), self.begin))
        return max(0.0, busy - own * os.sysconf("SC_CLK_TCK")) / max(total, 1)
