// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// JITLink, LLVM's linker for code in memory, with an image in the place of a process: it needs no disk, which may be
// full or read-only, no descriptors and no /proc.

#include "codegen/artifact/ElfObject.h"
#include "codegen/x86/Image.h"

#include "llvm/BinaryFormat/ELF.h"
#include "llvm/ExecutionEngine/JITLink/ELF_x86_64.h"
#include "llvm/ExecutionEngine/JITLink/JITLink.h"
#include "llvm/ExecutionEngine/JITLink/x86_64.h"

using namespace llvm;
using namespace llvm::jitlink;

namespace fathom::codegen {

static constexpr uint64_t kPageSize = 4096;

static uint32_t convertProtection(orc::MemProt protection) {
  auto flag = [&](orc::MemProt bit, uint32_t value) { return (protection & bit) == bit ? value : 0; };
  return flag(orc::MemProt::Read, ELF::PF_R) | flag(orc::MemProt::Write, ELF::PF_W) |
         flag(orc::MemProt::Exec, ELF::PF_X);
}

namespace {
/// The bytes of an image, which JITLink takes for the memory of a process.
class ImageMemory : public JITLinkMemoryManager {
public:
  explicit ImageMemory(std::string &bytes) : bytes(bytes) {}

  void allocate(const JITLinkDylib *, LinkGraph &graph, OnAllocatedFunction onAllocated) override {
    BasicLayout layout(graph);
    placeSegments(layout);
    writeHeaders();
    if (Error error = layout.apply()) {
      return onAllocated(std::move(error));
    }
    onAllocated(std::make_unique<Allocation>());
  }
  void deallocate(std::vector<FinalizedAlloc> allocations, OnDeallocatedFunction onDeallocated) override {
    for (FinalizedAlloc &allocation : allocations) {
      allocation.release();
    }
    onDeallocated(Error::success());
  }

private:
  /// The image owns the memory, and maps nothing.
  struct Allocation : InFlightAlloc {
    void abandon(OnAbandonedFunction onAbandoned) override { onAbandoned(Error::success()); }
    void finalize(OnFinalizedFunction onFinalized) override { onFinalized(FinalizedAlloc(orc::ExecutorAddr())); }
  };

  void placeSegments(BasicLayout &layout);
  void writeHeaders();

  std::string &bytes;
  std::vector<ELF::Elf64_Phdr> segments;
};
} // namespace

void ImageMemory::placeSegments(BasicLayout &layout) {
  uint64_t end = kPageSize; // the first one holds the headers
  for (auto &[group, segment] : layout.segments()) {
    uint64_t begin = alignTo(end, std::max(kPageSize, segment.Alignment.value()));
    segment.Addr = orc::ExecutorAddr(begin);
    bytes.resize(begin + segment.ContentSize);
    end = bytes.size() + segment.ZeroFillSize;
    segments.push_back({ELF::PT_LOAD, convertProtection(group.getMemProt()), begin, begin, begin, segment.ContentSize,
                        end - begin, kPageSize});
  }
  // Only now do the bytes stay where they are.
  for (auto &[group, segment] : layout.segments()) {
    segment.WorkingMem = bytes.data() + segment.Addr.getValue();
  }
}

void ImageMemory::writeHeaders() {
  ELF::Elf64_Ehdr header = makeElfHeader(ELF::ET_DYN);
  header.e_phoff = sizeof(header);
  header.e_phentsize = sizeof(ELF::Elf64_Phdr);
  header.e_phnum = segments.size();
  memcpy(bytes.data(), &header, sizeof(header));
  memcpy(bytes.data() + sizeof(header), segments.data(), segments.size() * sizeof(segments[0]));
}

namespace {
/// What several objects hold, in one graph, since JITLink links one. A name is the same symbol in all.
class ImageGraph {
public:
  explicit ImageGraph(std::shared_ptr<orc::SymbolStringPool> strings)
      : graph(std::make_unique<LinkGraph>("model", std::move(strings), Triple("x86_64-unknown-linux-gnu"),
                                          SubtargetFeatures(), x86_64::getEdgeKindName)) {}

  /// Adds what an object has; its bytes must live as long as the graph. Fails for a name that another object defines.
  Error add(LinkGraph &object);
  std::unique_ptr<LinkGraph> take() { return std::move(graph); }

private:
  Block &addBlock(Block &block);
  /// Null if the name has a definition.
  Symbol *addDefinition(Symbol &symbol, Block &block);
  /// What all objects mean by a name: external until one defines it.
  Symbol &find(const orc::SymbolStringPtr &name);

  std::unique_ptr<LinkGraph> graph;
  /// Names that belong to no object.
  StringMap<Symbol *> names;
  /// Decides the order of blocks in a section.
  orc::ExecutorAddr end;
};
} // namespace

Block &ImageGraph::addBlock(Block &block) {
  Section &from = block.getSection();
  Section *section = graph->findSectionByName(from.getName());
  if (!section) {
    section = &graph->createSection(from.getName(), from.getMemProt());
  }
  orc::ExecutorAddr address = end;
  end += block.getSize() + 1;
  return block.isZeroFill() ? graph->createZeroFillBlock(*section, block.getSize(), address, block.getAlignment(), 0)
                            : graph->createContentBlock(*section, block.getContent(), address, block.getAlignment(), 0);
}

Symbol *ImageGraph::addDefinition(Symbol &symbol, Block &block) {
  if (!symbol.hasName() || symbol.getScope() == Scope::Local) {
    return &graph->addAnonymousSymbol(block, symbol.getOffset(), symbol.getSize(), symbol.isCallable(),
                                      /*IsLive=*/false);
  }
  Symbol &shared = find(symbol.getName());
  if (shared.isDefined()) {
    return nullptr;
  }
  graph->makeDefined(shared, block, symbol.getOffset(), symbol.getSize(), symbol.getLinkage(), symbol.getScope(),
                     /*IsLive=*/false);
  return &shared;
}

Symbol &ImageGraph::find(const orc::SymbolStringPtr &name) {
  Symbol *&known = names[*name];
  if (!known) {
    known = &graph->addExternalSymbol(name, /*Size=*/0, /*IsWeaklyReferenced=*/false);
  }
  return *known;
}

Error ImageGraph::add(LinkGraph &object) {
  DenseMap<const Block *, Block *> blocks;
  DenseMap<const Symbol *, Symbol *> symbols;
  for (Section &section : object.sections()) {
    for (Block *block : section.blocks()) {
      blocks[block] = &addBlock(*block);
    }
  }
  for (Symbol *symbol : object.defined_symbols()) {
    Symbol *&added = symbols[symbol];
    added = addDefinition(*symbol, *blocks[&symbol->getBlock()]);
    if (!added) {
      return createStringError("the code defines '" + *symbol->getName() + "' twice");
    }
  }
  for (Symbol *symbol : object.external_symbols()) {
    symbols[symbol] = &find(symbol->getName());
  }
  // Last, since an edge may lead to any symbol of the object.
  for (auto [from, to] : blocks) {
    for (const Edge &edge : from->edges()) {
      to->addEdge(edge.getKind(), edge.getOffset(), *symbols.at(&edge.getTarget()), edge.getAddend());
    }
  }
  return Error::success();
}

/// Nobody relocates the image once it is mapped.
static Error refuseAddresses(LinkGraph &graph) {
  for (Block *block : graph.blocks()) {
    for (const Edge &edge : block->edges()) {
      if (is_contained({x86_64::Pointer64, x86_64::Pointer32, x86_64::Pointer32Signed}, edge.getKind())) {
        return createStringError("the code contains an address in section " + block->getSection().getName());
      }
    }
  }
  return Error::success();
}

namespace {
/// What JITLink asks for and reports while it links one image.
class ImageContext : public JITLinkContext {
public:
  ImageContext(CodeImage &image, ArrayRef<std::string> exports, Error &result)
      : JITLinkContext(nullptr), memory(image.bytes), image(image), exports(exports), result(result) {}

  JITLinkMemoryManager &getMemoryManager() override { return memory; }
  void notifyFailed(Error error) override { result = joinErrors(std::move(result), std::move(error)); }
  void notifyFinalized(JITLinkMemoryManager::FinalizedAlloc allocation) override { allocation.release(); }

  void lookup(const LookupMap &symbols, std::unique_ptr<JITLinkAsyncLookupContinuation> continuation) override {
    std::vector<std::string> names;
    for (const auto &[symbol, flags] : symbols) {
      names.push_back((*symbol).str());
    }
    sort(names);
    continuation->run(createStringError("the code has undefined symbols: " + join(names, ", ")));
  }

  Error notifyResolved(LinkGraph &graph) override {
    for (Symbol *symbol : graph.defined_symbols()) {
      if (isExport(*symbol)) {
        image.addresses[*symbol->getName()] = symbol->getAddress().getValue();
      }
    }
    return Error::success();
  }

  LinkGraphPassFunction getMarkLivePass(const Triple &) const override {
    return [this](LinkGraph &graph) {
      for (Symbol *symbol : graph.defined_symbols()) {
        symbol->setLive(isExport(*symbol));
      }
      return Error::success();
    };
  }

  Error modifyPassConfig(LinkGraph &, PassConfiguration &passes) override {
    passes.PreFixupPasses.push_back(refuseAddresses);
    return Error::success();
  }

private:
  bool isExport(const Symbol &symbol) const { return symbol.hasName() && is_contained(exports, *symbol.getName()); }

  ImageMemory memory;
  CodeImage &image;
  ArrayRef<std::string> exports;
  Error &result;
};
} // namespace

static void completeNames(LinkGraph &graph, StringRef symbol) {
  for (Symbol *defined : graph.defined_symbols()) {
    if (defined->hasName() && (*defined->getName()).starts_with(".")) {
      defined->setName(graph.intern((symbol + *defined->getName()).str()));
    }
  }
}

Expected<CodeImage> linkImage(ArrayRef<CompiledUnit> objects, ArrayRef<std::string> exports) {
  if (exports.empty()) {
    return createStringError("there is no code to link: no function runs a kernel");
  }
  auto strings = std::make_shared<orc::SymbolStringPool>();
  ImageGraph all(strings);
  for (const CompiledUnit &object : objects) {
    auto graph = createLinkGraphFromELFObject_x86_64({object.bytes, "model.o"}, strings);
    if (!graph) {
      return graph.takeError();
    }
    completeNames(**graph, object.symbol);
    if (Error error = all.add(**graph)) {
      return std::move(error);
    }
  }
  CodeImage image;
  Error result = Error::success();
  {
    ErrorAsOutParameter checked(result);
    // Synchronous, since nothing that the context does is not.
    link_ELF_x86_64(all.take(), std::make_unique<ImageContext>(image, exports, result));
  }
  if (result) {
    return std::move(result);
  }
  return image;
}

} // namespace fathom::codegen
