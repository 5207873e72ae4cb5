# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# older_header.py HEADER OUTPUT: fathom.h as it may have been before its structs grew: each that has a struct_size ends
# 8 bytes earlier.

import re
import sys

LAST = {
    "fathom_model_options": ["call_threads"],
    "fathom_model_info": ["device"],
    "fathom_sampling": ["seed"],
    "fathom_session_options": ["trace"],
    "fathom_generate_options": ["seen_count"],
    "fathom_generate_result": ["accepted_tokens"],
    "fathom_prefill_outputs": ["states_capacity"],
}


def shorten(match):
    """The struct without its last fields."""
    body = match[2]
    for name in reversed(LAST.pop(match[1])):
        body, count = re.subn(rf"\n  [\w *]*\b{name};\n$", "\n", body)
        body = re.sub(r"(\n  ///[^\n]*)+\n$", "\n", body)
        if count != 1:
            sys.exit(f"{match[1]}: '{name}' is not where its last fields are")
    return f"typedef struct {match[1]} {{{body}}}"


header, output = sys.argv[1:]
text = re.sub(r"typedef struct (fathom_\w+) \{(\n  size_t struct_size;.*?\n)\}", shorten, open(header).read(),
              flags=re.DOTALL)
if LAST:
    sys.exit(f"not found with a struct_size: {', '.join(LAST)}")
open(output, "w").write(text)
