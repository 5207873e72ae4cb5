// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text and JSON.

#include "tools/driver/DraftReport.h"

#include <cstdio>

namespace fathom::driver {

using ull = unsigned long long;

static void printSpeed(const BenchOptions &options, const DraftResults &r) {
  const Samples &plain = r.plainStepSeconds, &drafting = r.stepSeconds;
  std::printf("plain    %10.1f tokens/s (%.1f to %.1f)  an answer of one sequence to %llu tokens, greedy\n",
              r.plainSpeed(plain.median()), r.plainSpeed(plain.most()), r.plainSpeed(plain.least()), ull(r.prompt));
  std::printf("draft    %10.1f tokens/s (%.1f to %.1f)  the same answer with --draft=%s: %.2f times as fast\n",
              r.speed(drafting.median()), r.speed(drafting.most()), r.speed(drafting.least()), options.draft,
              r.speedup());
  std::printf("accepted %10.1f %% of %llu drafts; %.2f tokens a step\n", 100 * r.acceptance(), ull(r.drafted),
              r.tokensPerStep());
}

static void printStep(const DraftResults &r) {
  std::printf("step     %10.3f ms: %.3f drafting", 1e3 * r.stepSeconds.median(), 1e3 * r.draftSeconds.median());
  if (r.drafts > 1) {
    std::printf(" (%.3f the first, %.3f each further)", 1e3 * r.firstDraftSeconds.median(),
                1e3 * r.furtherDraftSeconds());
  }
  std::printf(", %.3f verifying %u rows, %.3f else; %.3f without drafts\n", 1e3 * r.verifySeconds.median(),
              r.drafts + 1, 1e3 * r.otherSeconds(), 1e3 * r.plainStepSeconds.median());
}

/// `what` is read, a token and in parts of a step; without the end of the line.
static void printRead(const DraftResults &r, const char *name, double WeightsRead::*what, double one,
                      const char *unit) {
  double plain = r.plainRead.*what / one, drafting = r.draftRead.*what / one, verifying = r.verifyRead.*what / one;
  std::printf("%-8s %10.1f%s read a token with drafts, %.1f%s without; a step reads %.1f%s to draft, %.1f%s to verify",
              name, r.perToken(what) / one, unit, plain, unit, drafting, unit, verifying, unit);
  if (r.accepted > 0) {
    std::printf(", %.1f%s more for each accepted draft", r.perAccepted(what) / one, unit);
  }
}

void printDraft(const BenchOptions &options, const DraftResults &r) {
  printSpeed(options, r);
  printStep(r);
  if (r.plainRead.bytes > 0) {
    printRead(r, "weights", &WeightsRead::bytes, 1e6, " MB");
    std::printf("\n");
  }
  if (r.plainRead.experts > 0) {
    printRead(r, "experts", &WeightsRead::experts, 1, "");
    std::printf("; %.2f MB each\n", r.expertBytes / 1e6);
  }
  std::printf("%s\n", r.explain().c_str());
}

static void writeSpeed(llvm::json::OStream &out, const DraftResults &r) {
  out.attribute("drafts", r.drafts);
  out.attribute("prompt", int64_t(r.prompt));
  out.attribute("plain_tokens_per_second", r.plainSpeed(r.plainStepSeconds.median()));
  out.attribute("draft_tokens_per_second", r.speed(r.stepSeconds.median()));
  out.attribute("decode_steps", int64_t(r.steps));
  out.attribute("drafted_tokens", int64_t(r.drafted));
  out.attribute("accepted_tokens", int64_t(r.accepted));
  out.attribute("acceptance", r.acceptance());
  out.attribute("tokens_per_step", r.tokensPerStep());
}

static void writeStep(llvm::json::OStream &out, const DraftResults &r) {
  out.attribute("plain_step_seconds", r.plainStepSeconds.median());
  out.attribute("step_seconds", r.stepSeconds.median());
  out.attribute("draft_seconds", r.draftSeconds.median());
  out.attribute("first_draft_seconds", r.firstDraftSeconds.median());
  out.attribute("verify_seconds", r.verifySeconds.median());
  out.attribute("other_seconds", r.otherSeconds());
  out.attribute("break_even_acceptance", r.breakEvenAcceptance());
}

static void writeRead(llvm::json::OStream &out, const DraftResults &r) {
  out.attribute("plain_weight_bytes_per_token", r.plainRead.bytes);
  out.attribute("draft_weight_bytes_per_token", r.perToken(&WeightsRead::bytes));
  out.attribute("weight_bytes_per_accepted", r.perAccepted(&WeightsRead::bytes));
  out.attribute("expert_bytes", r.expertBytes);
  out.attribute("plain_experts_per_token", r.plainRead.experts);
  out.attribute("draft_experts_per_token", r.perToken(&WeightsRead::experts));
  out.attribute("experts_per_accepted", r.perAccepted(&WeightsRead::experts));
  out.attribute("drafting_experts_per_step", r.draftRead.experts);
  out.attribute("verifying_experts_per_step", r.verifyRead.experts);
}

void writeDraft(llvm::json::OStream &out, const DraftResults &r) {
  out.attributeObject("draft", [&] {
    writeSpeed(out, r);
    writeStep(out, r);
    writeRead(out, r);
    out.attribute("explanation", r.explain());
  });
}

} // namespace fathom::driver
