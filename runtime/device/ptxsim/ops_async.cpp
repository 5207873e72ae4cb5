// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cp.async, cp.async.bulk[.tensor] and cp.reduce.async.bulk[.tensor].

#include "runtime/device/ptxsim/ops_async.h"

#include "runtime/device/ptxsim/block.h"
#include "runtime/device/ptxsim/opcodes.h"
#include "runtime/device/ptxsim/tensor_map.h"

#include <cinttypes>
#include <cstring>

namespace fathom::runtime::ptxsim {

bool sharedOffset(const Event &event, const Operand &operand, uint32_t bytes, uint32_t align, uint32_t &offset) {
  uint64_t address = event.warp.address(operand, event.lane);
  if ((address & kWindowMask) == kSharedWindow) {
    address &= ~kWindowMask;
  }
  const uint8_t *host =
      event.warp.access(event.instruction, Space::Shared, address, bytes, align, event.lane, Access::Background);
  if (host == nullptr) {
    return false;
  }
  const std::vector<uint8_t> &shared = event.warp.block().shared();
  if (host < shared.data() || host >= shared.data() + shared.size()) {
    complain(event, "shared memory of another block of the cluster is not supported here");
    return false;
  }
  offset = static_cast<uint32_t>(host - shared.data());
  return true;
}

bool complain(const Event &event, const Complaint &complaint) {
  if (!complaint.empty()) {
    event.warp.fail(event.instruction, event.lane, cuda::kLaunchFailed, complaint);
  }
  return !complaint.empty();
}

// --- cp.async
// -----------------------------------------------------------------------------------------------------------

/// Operands: destination, source, perhaps how many bytes are read; `immediate`: how many are written.
static void copyOne(const Event &event, const Instruction &instruction) {
  auto bytes = static_cast<uint32_t>(instruction.immediate), read = bytes;
  if (instruction.operands.size() > 2) {
    read = static_cast<uint32_t>(event.warp.lanes(instruction.operands[2])[event.lane]);
  }
  if (read > bytes) {
    complain(event, format("src-size is %u, more than the %u bytes of the copy", read, bytes));
    return;
  }
  AsyncCopy copy(instruction, bytes);
  uint8_t *from = nullptr;
  if (!sharedOffset(event, instruction.operands[0], bytes, bytes, copy.shared)) {
    return;
  }
  if (read > 0) {
    // All of the source is aligned, as much of it as is read is in bounds.
    uint64_t address = event.warp.address(instruction.operands[1], event.lane);
    from = event.warp.access(instruction, Space::Global, address, read, bytes, event.lane, Access::Read);
    if (from == nullptr) {
      return;
    }
    copy.parts.push_back({from, copy.shared, read});
    event.warp.block().counters().asyncBytes += read;
  }
  if (read < bytes) {
    copy.parts.push_back({nullptr, copy.shared + read, bytes - read});
  }
  event.warp.logShared(copy.shared, bytes, event.lane);
  event.warp.block().async().copy(event, std::move(copy));
}

/// Runs `one` for each lane.
template <void (*one)(const Event &, const Instruction &)>
static void forEvents(Warp &warp, const Instruction &instruction, LaneMask mask) {
  for (; mask != 0; mask &= mask - 1) {
    one({warp, instruction, static_cast<unsigned>(std::countr_zero(mask))}, instruction);
  }
}

static void commitOne(const Event &event, const Instruction &) { event.warp.block().async().commit(event.thread()); }
static void waitOne(const Event &event, const Instruction &instruction) {
  event.warp.block().async().wait(event.thread(), static_cast<uint32_t>(instruction.immediate));
}
static void waitAllOne(const Event &event, const Instruction &) { event.warp.block().async().waitAll(event.thread()); }

static void decodeCopy(Decoder &decoder) {
  bool isGlobalOnly = decoder.takeOne({"ca", "cg"}) == 1;
  bool hasPolicy = decoder.take("L2::cache_hint");
  decoder.skipPrefixed("L2::");
  if (decoder.takeSpace() != Space::Shared || decoder.takeSpace() != Space::Global) {
    return decoder.fail("expected .shared.global");
  }
  decoder.address();
  decoder.address();
  uint64_t bytes = decoder.integer(16);
  if (bytes != 16 && (isGlobalOnly || (bytes != 4 && bytes != 8))) {
    return decoder.fail("a copy has 4, 8 or 16 bytes, with .cg 16");
  }
  if (decoder.operandsLeft() > hasPolicy) {
    decoder.source(Type::B32);
  }
  if (hasPolicy) {
    decoder.next();
  }
  decoder.instruction().immediate = bytes;
  decoder.emit(forEvents<copyOne>);
}

// --- Bulk copies
// --------------------------------------------------------------------------------------------------------

/// The parts of a copy without a map; null `to.global` after a finding.
static bool plainPart(const Event &event, const Operand &address, Access kind, AsyncCopy &copy) {
  uint8_t *global = event.warp.access(event.instruction, Space::Global, event.warp.address(address, event.lane),
                                      copy.bytes, 16, event.lane, kind);
  copy.parts.push_back({global, copy.shared, copy.bytes});
  event.warp.block().counters().bulkBytes += copy.bytes;
  return global != nullptr;
}

static bool bulkSize(const Event &event, const Operand &operand, AsyncCopy &copy) {
  copy.bytes = static_cast<uint32_t>(event.warp.lanes(operand)[event.lane]);
  return !(copy.bytes % 16 != 0 && complain(event, "the size of a bulk copy is a multiple of 16"));
}

/// Operands: destination, source, size, mbarrier.
static void loadBulk(const Event &event, const Instruction &instruction) {
  AsyncCopy copy(instruction);
  uint32_t barrier = 0;
  if (bulkSize(event, instruction.operands[2], copy) &&
      sharedOffset(event, instruction.operands[0], copy.bytes, 16, copy.shared) &&
      sharedOffset(event, instruction.operands[3], 8, 8, barrier) &&
      plainPart(event, instruction.operands[1], Access::Read, copy)) {
    complain(event, event.warp.block().async().load(event, std::move(copy), barrier));
  }
}

/// Operands: destination, source, size.
static void storeBulk(const Event &event, const Instruction &instruction) {
  AsyncCopy copy(instruction);
  copy.reduce = instruction.reduce;
  if (bulkSize(event, instruction.operands[2], copy) &&
      sharedOffset(event, instruction.operands[1], copy.bytes, 16, copy.shared) &&
      plainPart(event, instruction.operands[0], Access::Write, copy)) {
    event.warp.block().async().store(event, std::move(copy));
  }
}

/// What is out of bounds reads as.
static void setFill(const TensorMap &map, AsyncCopy &copy) {
  uint64_t nan = map.type == MapType::BF16 || map.type == MapType::F16 ? 0x7fff'7fff'7fff'7fff
                 : map.type == MapType::F64                            ? 0x7fff'ffff'ffff'ffff
                                                                       : 0x7fff'ffff'7fff'ffff;
  if (map.fillsNan) {
    std::memcpy(copy.fill, &nan, 8);
    std::memcpy(copy.fill + 8, &nan, 8);
  }
}

/// Decodes the map at an operand; false after a finding.
static bool readMap(const Event &event, const Instruction &instruction, const Operand &operand, TensorMap &map) {
  const uint8_t *bytes = event.warp.access(instruction, Space::Generic, event.warp.address(operand, event.lane),
                                           kMapBytes, 64, event.lane, Access::Read);
  if (bytes == nullptr) {
    return false;
  }
  if (!decode(bytes, map) || map.rank != instruction.elements) {
    return !complain(event, format("there is no tensor map of %u dimensions at this address", instruction.elements));
  }
  size_t most = event.warp.block().shared().size();
  return map.boxBytes() <= most ||
         !complain(event,
                   format("the box of the tensor map has %" PRIu64 " bytes, shared memory %zu", map.boxBytes(), most));
}

/// A swizzle moves what is narrower than its rows behind the end of the box.
static bool isShared(const Event &event, const Instruction &instruction, const BoxPart &part) {
  return uint64_t{part.shared} + part.bytes <= event.warp.block().shared().size() ||
         event.warp.access(instruction, Space::Shared, part.shared, part.bytes, 1, event.lane, Access::Background);
}

/// The box of a map; operands from `first` on: the map and its coordinates.
static bool boxParts(const Event &event, const Instruction &instruction, unsigned first, Access kind,
                     const Operand &shared, AsyncCopy &copy) {
  TensorMap map;
  if (!readMap(event, instruction, instruction.operands[first], map)) {
    return false;
  }
  copy.bytes = static_cast<uint32_t>(map.boxBytes());
  if (!sharedOffset(event, shared, copy.bytes, 128, copy.shared)) {
    return false;
  }
  setFill(map, copy);
  int32_t coordinates[kMaxRank];
  for (unsigned i = 0; i < map.rank; ++i) {
    coordinates[i] = static_cast<int32_t>(event.warp.lanes(instruction.operands[first + 1 + i])[event.lane]);
  }
  bool isInside = true;
  forEachPart(map, std::span(coordinates, map.rank), copy.shared, [&](const BoxPart &part) {
    isInside = isInside && isShared(event, instruction, part);
    uint8_t *global = part.isInside && isInside
                          ? event.warp.access(instruction, Space::Global, part.global, part.bytes, 1, event.lane, kind)
                          : nullptr;
    isInside &= !part.isInside || global != nullptr;
    copy.parts.push_back({global, part.shared, part.bytes});
    event.warp.block().counters().bulkBytes += global == nullptr ? 0 : part.bytes;
  });
  return isInside;
}

/// Operands: destination, mbarrier, map, coordinates.
static void loadTensor(const Event &event, const Instruction &instruction) {
  AsyncCopy copy(instruction);
  uint32_t barrier = 0;
  if (sharedOffset(event, instruction.operands[1], 8, 8, barrier) &&
      boxParts(event, instruction, 2, Access::Read, instruction.operands[0], copy)) {
    complain(event, event.warp.block().async().load(event, std::move(copy), barrier));
  }
}

/// Operands: source, map, coordinates.
static void storeTensor(const Event &event, const Instruction &instruction) {
  AsyncCopy copy(instruction);
  copy.reduce = instruction.reduce;
  if (boxParts(event, instruction, 1, Access::Write, instruction.operands[0], copy)) {
    event.warp.block().async().store(event, std::move(copy));
  }
}

static void commitStoresOne(const Event &event, const Instruction &) {
  event.warp.block().async().commitStores(event.thread());
}
template <bool reads>
static void waitStoresOne(const Event &event, const Instruction &instruction) {
  event.warp.block().async().waitStores(event.thread(), static_cast<uint32_t>(instruction.immediate), reads);
}

/// Adds a [map, {coordinates}] operand.
static void addMap(Decoder &decoder, const ParsedOperand *operand) {
  bool isMap = operand != nullptr && operand->kind == ParsedOperand::Kind::Address && operand->parts.size() == 2 &&
               operand->parts[1].kind == ParsedOperand::Kind::Vector;
  if (!isMap || operand->parts[1].parts.size() != decoder.instruction().elements) {
    return decoder.fail("expected [map, {coordinates}], as many as dimensions");
  }
  ParsedOperand address;
  address.kind = ParsedOperand::Kind::Address;
  address.parts = {operand->parts[0]};
  decoder.addAddress(address);
  for (const ParsedOperand &coordinate : operand->parts[1].parts) {
    decoder.addSource(coordinate, Type::B32);
  }
}

static void skipPolicy(Decoder &decoder, bool hasPolicy) {
  if (hasPolicy) {
    decoder.next();
  }
}

/// Into shared memory, or out of it; `dimensions` is 0 without a map.
static void decodeTransfer(Decoder &decoder, unsigned dimensions) {
  Instruction &instruction = decoder.instruction();
  instruction.elements = static_cast<uint8_t>(dimensions);
  bool hasPolicy = decoder.take("L2::cache_hint");
  decoder.skip({"tile"});
  Space to = decoder.takeSpace(), from = decoder.takeSpace();
  if (to == Space::Shared && from == Space::Global) {
    decoder.takeOne({"mbarrier::complete_tx::bytes"});
    const ParsedOperand *destination = decoder.next();
    const ParsedOperand *source = decoder.next();
    if (destination == nullptr || source == nullptr) {
      return;
    }
    decoder.addAddress(*destination);
    if (dimensions == 0) {
      decoder.addAddress(*source);
      decoder.source(Type::B32);
      decoder.address();
      skipPolicy(decoder, hasPolicy);
      return decoder.emit(forEvents<loadBulk>);
    }
    decoder.address();
    addMap(decoder, source);
    skipPolicy(decoder, hasPolicy);
    return decoder.emit(forEvents<loadTensor>);
  }
  if (to != Space::Global || from != Space::Shared) {
    return decoder.fail("expected .shared::cluster.global or .global.shared::cta");
  }
  decoder.takeOne({"bulk_group"});
  if (dimensions == 0) {
    decoder.address();
    decoder.address();
    decoder.source(Type::B32);
    skipPolicy(decoder, hasPolicy);
    return decoder.emit(forEvents<storeBulk>);
  }
  const ParsedOperand *destination = decoder.next();
  decoder.address();
  addMap(decoder, destination);
  skipPolicy(decoder, hasPolicy);
  decoder.emit(forEvents<storeTensor>);
}

static unsigned takeDimensions(Decoder &decoder) {
  return 1 + static_cast<unsigned>(decoder.takeOne({"1d", "2d", "3d", "4d", "5d"}));
}

/// Hints have no result.
static void decodePrefetch(Decoder &decoder) {
  decoder.skip({"tensor", "1d", "2d", "3d", "4d", "5d", "tile", "global", "L2", "L2::cache_hint"});
  while (decoder.operandsLeft() != 0) {
    decoder.next();
  }
  decoder.emit([](Warp &, const Instruction &, LaneMask) {});
}

static void decodeBulk(Decoder &decoder) {
  if (decoder.take("commit_group")) {
    return decoder.emit(forEvents<commitStoresOne>);
  }
  if (decoder.take("wait_group")) {
    bool reads = decoder.take("read");
    decoder.instruction().immediate = decoder.integer(UINT32_MAX);
    return decoder.emit(reads ? forEvents<waitStoresOne<true>> : forEvents<waitStoresOne<false>>);
  }
  if (decoder.take("prefetch")) {
    return decodePrefetch(decoder);
  }
  decodeTransfer(decoder, decoder.take("tensor") ? takeDimensions(decoder) : 0);
}

template <class T>
static void addEach(uint8_t *memory, const uint8_t *data, uint32_t bytes) {
  for (uint32_t i = 0; i < bytes; i += sizeof(T)) {
    T value;
    std::memcpy(&value, data + i, sizeof(T));
    auto *place = reinterpret_cast<T *>(memory + i);
    T old = __atomic_load_n(place, __ATOMIC_RELAXED), sum;
    do {
      sum = old + value;
    } while (!__atomic_compare_exchange(place, &old, &sum, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  }
}

static void decodeReduce(Decoder &decoder) {
  decoder.takeOne({"async"});
  decoder.takeOne({"bulk"});
  unsigned dimensions = decoder.take("tensor") ? takeDimensions(decoder) : 0;
  decoder.takeOne({"add"});
  if (dimensions != 0) {
    return decoder.fail("only the reductions without a tensor map are supported");
  }
  Type type = decoder.takeType({Type::U32, Type::S32, Type::U64});
  decoder.instruction().reduce = type == Type::U64 ? addEach<uint64_t> : addEach<uint32_t>;
  decodeTransfer(decoder, 0);
}

static void decodeCp(Decoder &decoder) {
  if (decoder.take("reduce")) {
    return decodeReduce(decoder);
  }
  decoder.takeOne({"async"});
  if (decoder.take("bulk")) {
    return decodeBulk(decoder);
  }
  if (decoder.take("commit_group")) {
    return decoder.emit(forEvents<commitOne>);
  }
  if (decoder.take("wait_all")) {
    return decoder.emit(forEvents<waitAllOne>);
  }
  if (decoder.take("wait_group")) {
    decoder.instruction().immediate = decoder.integer(UINT32_MAX);
    return decoder.emit(forEvents<waitOne>);
  }
  decodeCopy(decoder);
}

static constexpr Opcode kOpcodes[] = {{"cp", decodeCp}};

std::span<const Opcode> asyncOpcodes() { return kOpcodes; }

} // namespace fathom::runtime::ptxsim
