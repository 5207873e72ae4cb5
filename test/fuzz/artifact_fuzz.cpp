// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fuzzes the metadata of artifacts, of one with a draft and two variants. An input is a list of edits to a good one,
// six bytes each: where, and what to xor the four bytes there with; so inputs stay meaningful when the format changes.
// Hashes are put right. Beyond not crashing: what the reader accepts can be used.

#include "runtime/device/cpu/cpu_kernels.h"
#include "runtime/src/artifact_reader.h"
#include "runtime/src/command_list.h"
#include "runtime/src/entry_points.h"
#include "runtime/src/status.h"
#include "runtime/src/stores.h"
#include "runtime/src/tokenizer/tokenizer.h"
#include "test/runtime/toy_artifact.h"

#include <cstdlib>
#include <cstring>

using namespace fathom;

static void check(bool holds) {
  if (!holds) {
    std::abort();
  }
}

static std::string edited(const uint8_t *data, size_t size) {
  static const std::string good = test::makeToy([](test::ToyContents &contents) {
    test::addDraft(contents);
    contents.targets.resize(2);
  });
  fathom_artifact_header_t header;
  std::memcpy(&header, good.data(), sizeof(header));
  // The edits reach the header too.
  size_t reach = sizeof(header) + header.metadata_size;
  std::string artifact = good;
  for (; size >= 6; data += 6, size -= 6) {
    size_t at = data[0] | data[1] << 8;
    for (size_t i = 0; i < 4 && at + i < reach; ++i) {
      artifact[at + i] = char(artifact[at + i] ^ data[2 + i]);
    }
  }
  test::rehash(artifact);
  return artifact;
}

static void useTokenizer(const artifact::Tokenizer &table) {
  if (tokenizer::verify(table) != nullptr) {
    return;
  }
  tokenizer::Tokenizer tokenizer(table);
  Buffer<int32_t> ids;
  for (std::string_view text : {"a 12 <U>b\n", "<b>\xFF\xCC\x81 '\xC5\xBF"}) {
    check(tokenizer.encode(text, {true, true}, ids) == tokenizer::Status::Ok);
  }
  tokenizer::RenderedChat chat;
  constexpr std::string_view kConversation = R"([{"role": "user", "content": "<U> a", "n": [1, null]}])";
  if (tokenizer.renderChat(kConversation, true, chat) == tokenizer::Status::Ok) {
    check(tokenizer.encodeChat(chat, false, ids) == tokenizer::Status::Ok);
  }
  for (int32_t id : ids) {
    check(tokenizer.contains(id));
  }
}

/// Every call that a session may make has an entry point, in an arena that it has.
static void findEntryPoints(const artifact::Artifact &contents, const artifact::Program &program) {
  auto find = [&](artifact::Form form, int64_t rows, bool draft) {
    for (bool logits : {false, true}) {
      const artifact::EntryPoint *entry = runtime::findEntryPoint(program, {form, rows, logits, draft});
      check(entry && entry->arena_bytes() <= runtime::arenaBytes(program) && entry->hidden() == draft);
    }
  };
  for (artifact::Form form : {artifact::Form::expanded, artifact::Form::absorbed}) {
    uint32_t most = runtime::maxRows(program, form);
    for (uint32_t rows : {1u, most / 2 + 1, most}) {
      find(form, rows, /*draft=*/false);
    }
  }
  uint32_t most = runtime::maxDraftRows(program);
  check((most > 0) == (runtime::draftBytes(contents) > 0) && (most == 0 || runtime::givesHidden(program)));
  for (uint32_t rows = 1; rows <= most; rows += most / 2 + 1) {
    find(artifact::Form::absorbed, rows, /*draft=*/true);
  }
}

/// A page has room for 64 positions of every store, those of the draft among them.
static void measureStores(const artifact::Artifact &contents) {
  check(runtime::positionBytes(contents) <= contents.cache()->page_bytes() / FATHOM_PAGE_TOKENS);
  check(runtime::draftBytes(contents) <= runtime::positionBytes(contents));
}

/// Commands can be put in order, if their kernels are in the code: each waits for earlier ones.
static void orderCommands(const artifact::Program &program) {
  static const std::string code = test::toyCode();
  static runtime::CodeImage image;
  static const bool isLoaded = image.load(reinterpret_cast<const unsigned char *>(code.data()), code.size()) == 0;
  check(isLoaded);
  Buffer<runtime::CpuKernel> kernels;
  fathom_status_t status = runtime::findKernels(program, image, &kernels);
  check(status == FATHOM_STATUS_OK || status == FATHOM_STATUS_BAD_DATA);
  runtime::CommandLists lists;
  check(status != FATHOM_STATUS_OK || lists.load(program) == FATHOM_STATUS_OK);
  for (uint32_t i = 0; status == FATHOM_STATUS_OK && i < program.entry_points()->size(); ++i) {
    runtime::CommandList list = lists.of(*program.entry_points()->Get(i));
    check(list.size > 0 && list.size <= lists.mostLaunches());
    for (uint32_t launch = 0; launch < list.size; ++launch) {
      for (uint32_t earlier : list.earlier(launch)) {
        check(earlier < launch);
      }
    }
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string artifact = edited(data, size);
  runtime::ByteSource source;
  source.openMemory(artifact.data(), artifact.size());
  runtime::Metadata metadata;
  fathom_status_t status = metadata.read(source);
  check(size >= 6 || status == FATHOM_STATUS_OK);
  if (status != FATHOM_STATUS_OK) {
    check(fathom_status_message()[0] != '\0');
    return 0;
  }
  const artifact::Artifact &contents = metadata.contents();
  measureStores(contents);
  for (const artifact::Program *program : *contents.variants()) {
    findEntryPoints(contents, *program);
    orderCommands(*program);
  }
  if (contents.tokenizer() != nullptr) {
    useTokenizer(*contents.tokenizer());
  }
  return 0;
}
