// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Queues, graphs, and memory of the host under addresses that are none.

#include "test/runtime/fake_driver.h"

#include "fathom/artifact_abi.h"
#include "runtime/device/cuda/cuda_device_table.h"
#include "test/runtime/toy_artifact.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <elf.h>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <sstream>
#include <utility>

namespace fathom::test {

using namespace runtime::cuda;

static void require(bool good, const char *what) {
  if (!good) {
    fprintf(stderr, "fake driver: %s\n", what);
    abort();
  }
}

namespace {
constexpr CUdeviceptr kTag = CUdeviceptr(0x3c) << 56;

using Task = void (*)(const void *dispatch, int64_t item, void *scratch);

struct Function {
  std::string name;
  unsigned operands;
  Task task;
  bool ownsScratch;
};
struct Module {
  std::map<std::string, std::unique_ptr<Function>> functions;
};
/// A kernel with the values of its parameters.
struct Launch {
  const Function *function;
  std::vector<uint64_t> values;
  unsigned blocks, threads, sharedBytes;
  bool restIsZero;
};
struct Event {
  float time = 0.0f;
};
/// A launch, or an event to be recorded.
struct Node {
  Launch launch;
  std::vector<size_t> earlier;
  Event *event;
};
struct Graph {
  std::vector<std::unique_ptr<Node>> nodes;
};
struct Stream {
  std::vector<std::function<void()>> queue;
};

/// All that is alive.
struct State {
  std::recursive_mutex mutex;
  /// Bytes of blocks by their address.
  std::map<CUdeviceptr, uint64_t> blocks;
  std::set<void *> hostBlocks, streams, modules, events, graphs, executables;
  /// Milliseconds of a clock that goes on with each launch.
  float clock = 0.0f;
  uint64_t bytes = 0;
  int contexts = 0, pushed = 0;
  std::mt19937 random{1};
  std::map<std::string, uint64_t> calls;
  std::string failing;
  uint64_t firstFailure = 0;
  bool failsForever = false;
  CUresult failure = kSuccess;
};
} // namespace

static State &state() {
  static State it;
  return it;
}
static thread_local int currentContexts = 0;

static char *find(CUdeviceptr address, uint64_t size) {
  auto block = state().blocks.upper_bound(address);
  require(block != state().blocks.begin(), "an address that is not of the GPU");
  --block;
  require(address - block->first + size <= block->second, "an address beyond its block");
  return reinterpret_cast<char *>(address - kTag);
}

template <typename T>
static void requireAlive(const std::set<void *> &all, T *handle) {
  require(all.count(handle) > 0, "a handle of nothing");
}

/// What kernels of toy_model.c expect, of what those of a GPU are given.
static void run(const Launch &launch) {
  const auto &step = *reinterpret_cast<const fathom_step_t *>(find(launch.values[0], sizeof(fathom_step_t)));
  int64_t rows = 0, factor = int64_t(launch.values[2]);
  memcpy(&rows, find(launch.values[1], sizeof(rows)), sizeof(rows));
  auto addressOf = [](const void *pointer) { return reinterpret_cast<CUdeviceptr>(pointer); };
  std::vector<const int32_t *> tables;
  for (int64_t row = 0; row < step.rows; ++row) {
    CUdeviceptr table;
    memcpy(&table, find(addressOf(step.cache.tables) + uint64_t(row) * sizeof(table), sizeof(table)), sizeof(table));
    tables.push_back(reinterpret_cast<const int32_t *>(find(table, sizeof(int32_t))));
  }
  fathom_cache_t cache = {find(addressOf(step.cache.pages), 1), step.cache.page_bytes, tables.data()};
  std::vector<void *> operands;
  for (unsigned i = 0; i < launch.function->operands; ++i) {
    operands.push_back(find(launch.values[5 + i], 1));
  }
  uint64_t rowBytes = uint64_t(step.rows) * sizeof(int32_t);
  fathom_dispatch_t dispatch = {operands.data(), rows * factor, int64_t(launch.values[3]),
                                reinterpret_cast<const int32_t *>(find(addressOf(step.positions), rowBytes)), &cache};
  char none[128];
  void *scratch = launch.function->ownsScratch ? find(launch.values[4], launch.blocks * launch.threads * 100) : none;
  for (int64_t item = 0; item < rows * factor; ++item) {
    launch.function->task(&dispatch, item, scratch);
  }
  state().clock += 1.0f;
  FakeDriver::launched.push_back({launch.function->name, launch.blocks, launch.sharedBytes, launch.restIsZero});
}

/// Any node whose earlier ones have run is the next.
static void run(const Graph &graph) {
  std::vector<bool> done(graph.nodes.size());
  for (size_t count = 0; count < graph.nodes.size(); ++count) {
    std::vector<size_t> ready;
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      const std::vector<size_t> &earlier = graph.nodes[i]->earlier;
      bool isReady = std::all_of(earlier.begin(), earlier.end(), [&](size_t number) { return done[number]; });
      if (!done[i] && isReady) {
        ready.push_back(i);
      }
    }
    size_t next = ready[state().random() % ready.size()];
    if (graph.nodes[next]->event) {
      graph.nodes[next]->event->time = state().clock;
    } else {
      run(graph.nodes[next]->launch);
    }
    done[next] = true;
  }
}

static Launch take(CUfunction function, unsigned blocks, unsigned threads, unsigned sharedBytes, void **parameters) {
  Launch launch = {reinterpret_cast<Function *>(function), {}, blocks, threads, sharedBytes, true};
  constexpr unsigned kMost = 5 + FATHOM_MOST_OPERANDS;
  for (unsigned i = 0; i < kMost; ++i) {
    launch.values.push_back(*static_cast<uint64_t *>(parameters[i]));
    launch.restIsZero = launch.restIsZero && (i < 5 + launch.function->operands || launch.values.back() == 0);
  }
  // The last one as wide as a parameter may be.
  auto *last = static_cast<const char *>(parameters[kMost - 1]);
  launch.restIsZero = launch.restIsZero && std::all_of(last + 8, last + 32764, [](char byte) { return byte == 0; });
  return launch;
}

static CUresult enqueue(CUstream stream, std::function<void()> work) {
  requireAlive(state().streams, stream);
  reinterpret_cast<Stream *>(stream)->queue.push_back(std::move(work));
  return kSuccess;
}

template <typename T, typename Handle>
static CUresult make(std::set<void *> &all, Handle *out, T *made) {
  all.insert(made);
  *out = reinterpret_cast<Handle>(made);
  return kSuccess;
}

template <typename T, typename Handle>
static CUresult end(std::set<void *> &all, Handle handle) {
  requireAlive(all, handle);
  all.erase(handle);
  delete reinterpret_cast<T *>(handle);
  return kSuccess;
}

namespace {
/// What is before the text in machine code, which is its only section.
struct MachineCodeHeaders {
  Elf64_Ehdr file;
  Elf64_Shdr sections[2];
};
} // namespace

std::string FakeDriver::machineCode(const std::string &text) {
  MachineCodeHeaders headers = {};
  memcpy(headers.file.e_ident, ELFMAG, SELFMAG);
  headers.file.e_ident[EI_CLASS] = ELFCLASS64;
  headers.file.e_ident[EI_DATA] = ELFDATA2LSB;
  headers.file.e_shoff = offsetof(MachineCodeHeaders, sections);
  headers.file.e_shentsize = sizeof(Elf64_Shdr);
  headers.file.e_shnum = 2;
  headers.sections[1].sh_type = SHT_PROGBITS;
  headers.sections[1].sh_offset = sizeof(headers);
  headers.sections[1].sh_size = text.size();
  return std::string(reinterpret_cast<const char *>(&headers), sizeof(headers)) + text;
}

// Text of a toy: a line for each kernel, its name and how many operands it has. Machine code has the text
// behind its headers.
static CUresult loadModule(CUmodule *module, const void *image, unsigned options, int *names, void **values) {
  auto *bytes = static_cast<const char *>(image);
  bool isMachineCode = memcmp(bytes, ELFMAG, SELFMAG) == 0;
  std::string text = isMachineCode ? bytes + sizeof(MachineCodeHeaders) : bytes;
  if (isMachineCode && !FakeDriver::takesMachineCode) {
    return kNoBinaryForGpu;
  }
  if (!isMachineCode && !FakeDriver::assemblerLog.empty()) {
    require(options == 2 && names[0] == kJitErrorLogBuffer && names[1] == kJitErrorLogBufferSizeBytes,
            "no room for a log");
    snprintf(static_cast<char *>(values[0]), reinterpret_cast<uintptr_t>(values[1]), "%s",
             FakeDriver::assemblerLog.c_str());
    return kInvalidPtx;
  }
  auto *made = new Module();
  std::istringstream lines(text);
  std::string kind, name;
  for (unsigned operands; lines >> kind >> name >> operands;) {
    auto *task = reinterpret_cast<Task>(toySymbol(("toy_" + name).c_str()));
    bool ownsScratch = name == "begin" || name == "append" || name == "attend";
    made->functions[name] = std::make_unique<Function>(Function{name, operands, task, ownsScratch});
  }
  return make(state().modules, module, made);
}

static CUresult findFunction(CUfunction *function, CUmodule module, const char *name) {
  requireAlive(state().modules, module);
  auto &all = reinterpret_cast<Module *>(module)->functions;
  auto found = all.find(name);
  *function = found == all.end() ? nullptr : reinterpret_cast<CUfunction>(found->second.get());
  return *function ? kSuccess : kNotFound;
}

static CUresult deviceAttribute(int *value, int attribute, CUdevice) {
  std::map<int, int> values = {{kMultiprocessorCount, 2},
                               {kComputeCapabilityMajor, FakeDriver::architecture / 10},
                               {kComputeCapabilityMinor, FakeDriver::architecture % 10},
                               {kMaxSharedMemoryPerBlockOptin, FakeDriver::sharedBytes}};
  *value = values.at(attribute);
  return kSuccess;
}

static CUresult allocate(CUdeviceptr *memory, size_t bytes) {
  require(currentContexts > 0, "no context");
  if (bytes > FakeDriver::memoryBytes - state().bytes) {
    return kOutOfMemory;
  }
  void *block = aligned_alloc(256, (bytes + 255) / 256 * 256);
  memset(block, 0xa5, bytes);
  *memory = reinterpret_cast<CUdeviceptr>(block) + kTag;
  state().blocks[*memory] = bytes;
  state().bytes += bytes;
  return kSuccess;
}

static CUresult release(CUdeviceptr memory) {
  auto block = state().blocks.find(memory);
  require(block != state().blocks.end(), "freed memory is not a whole block");
  ::free(reinterpret_cast<void *>(memory - kTag));
  state().bytes -= block->second;
  state().blocks.erase(block);
  return kSuccess;
}

static CUresult addNode(CUgraphNode *node, CUgraph handle, const CUgraphNode *earlier, size_t count,
                        std::unique_ptr<Node> made) {
  requireAlive(state().graphs, handle);
  auto &nodes = reinterpret_cast<Graph *>(handle)->nodes;
  for (size_t i = 0; i < count; ++i) {
    auto isIt = [&](const std::unique_ptr<Node> &one) { return one.get() == reinterpret_cast<Node *>(earlier[i]); };
    auto found = std::find_if(nodes.begin(), nodes.end(), isIt);
    require(found != nodes.end(), "an edge from no node of the graph");
    made->earlier.push_back(size_t(found - nodes.begin()));
  }
  std::set<size_t> different(made->earlier.begin(), made->earlier.end());
  require(different.size() == count, "the same edge twice");
  *node = reinterpret_cast<CUgraphNode>(made.get());
  nodes.push_back(std::move(made));
  return kSuccess;
}

static CUresult addKernelNode(CUgraphNode *node, CUgraph handle, const CUgraphNode *earlier, size_t count,
                              const KernelNodeParameters *p) {
  Launch launch = take(p->function, p->gridX, p->blockX, p->sharedBytes, p->parameters);
  return addNode(node, handle, earlier, count, std::make_unique<Node>(Node{launch, {}, nullptr}));
}

static CUresult addEventNode(CUgraphNode *node, CUgraph handle, const CUgraphNode *earlier, size_t count,
                             CUevent event) {
  requireAlive(state().events, event);
  auto *recorded = reinterpret_cast<Event *>(event);
  return addNode(node, handle, earlier, count, std::make_unique<Node>(Node{{}, {}, recorded}));
}

static CUresult elapsedTime(float *milliseconds, CUevent begin, CUevent end) {
  requireAlive(state().events, begin);
  requireAlive(state().events, end);
  *milliseconds = reinterpret_cast<Event *>(end)->time - reinterpret_cast<Event *>(begin)->time;
  return kSuccess;
}

static CUresult instantiate(CUgraphExec *executable, CUgraph graph, unsigned long long) {
  requireAlive(state().graphs, graph);
  auto *copy = new Graph();
  for (const std::unique_ptr<Node> &node : reinterpret_cast<Graph *>(graph)->nodes) {
    copy->nodes.push_back(std::make_unique<Node>(*node));
  }
  return make(state().executables, executable, copy);
}

static CUresult synchronize(CUstream stream) {
  requireAlive(state().streams, stream);
  for (const std::function<void()> &work : std::exchange(reinterpret_cast<Stream *>(stream)->queue, {})) {
    work();
  }
  return kSuccess;
}

static CUresult allocateHost(void **memory, size_t bytes, unsigned) {
  *memory = malloc(bytes);
  state().hostBlocks.insert(*memory);
  return kSuccess;
}

static CUresult freeHost(void *memory) {
  requireAlive(state().hostBlocks, memory);
  state().hostBlocks.erase(memory);
  ::free(memory);
  return kSuccess;
}

/// Before a function does anything: the result with which it fails, or kSuccess.
static CUresult begin(const char *function) {
  uint64_t number = state().calls[function]++;
  bool fails = state().failing == function &&
               (number == state().firstFailure || (state().failsForever && number > state().firstFailure));
  return fails ? state().failure : kSuccess;
}

/// Whether a function ends something, which it does even where it says that it failed.
static bool ends(const char *function) {
  constexpr const char *kEnders[] = {"free", "freeHost", "unloadModule", "releaseContext", "popContext"};
  auto isIt = [&](const char *name) { return strcmp(name, function) == 0; };
  return strncmp(function, "destroy", 7) == 0 || std::any_of(std::begin(kEnders), std::end(kEnders), isIt);
}

/// A row of the table: counted, and failing where a test wants that.
template <typename Signature>
struct Row;
template <typename... Parameters>
struct Row<CUresult (*)(Parameters...)> {
  template <CUresult (*function)(Parameters...), const char *const *name>
  static CUresult call(Parameters... parameters) {
    std::lock_guard<std::recursive_mutex> lock(state().mutex);
    CUresult failure = begin(*name);
    CUresult result = failure == kSuccess || ends(*name) ? function(parameters...) : failure;
    return failure == kSuccess ? result : failure;
  }
};

namespace rows {
#define FATHOM_CUDA_FUNCTION(name, symbol, parameters) static constexpr const char *name = #name;
#include "runtime/device/cuda/driver.def"

static CUresult doInit(unsigned) { return FakeDriver::gpus > 0 ? kSuccess : kNoDevice; }
static CUresult doDriverVersion(int *version) { return *version = 12000, kSuccess; }
static CUresult doErrorName(CUresult, const char **name) { return *name = "CUDA_ERROR_FAKE", kSuccess; }
static CUresult doErrorString(CUresult, const char **text) { return *text = "made up", kSuccess; }
static CUresult doDeviceCount(int *count) { return *count = FakeDriver::gpus, kSuccess; }
static CUresult doDeviceGet(CUdevice *device, int ordinal) { return *device = 40 + ordinal, kSuccess; }
static CUresult doDeviceName(char *name, int size, CUdevice) { return snprintf(name, size_t(size), "Fake"), kSuccess; }
static CUresult doDeviceMemory(size_t *bytes, CUdevice) { return *bytes = FakeDriver::memoryBytes, kSuccess; }
static CUresult doRetain(CUcontext *context, CUdevice) {
  ++state().contexts;
  return *context = reinterpret_cast<CUcontext>(&state()), kSuccess;
}
static CUresult doRelease(CUdevice device) {
  require(device >= 40 && state().contexts > 0, "a context that nobody has");
  return --state().contexts, kSuccess;
}
static CUresult doPush(CUcontext context) {
  require(state().contexts > 0 && context == reinterpret_cast<CUcontext>(&state()), "a context of nothing");
  return ++currentContexts, kSuccess;
}
static CUresult doPop(CUcontext *) {
  require(currentContexts > 0, "no context to leave");
  return --currentContexts, kSuccess;
}
static CUresult doUnload(CUmodule module) { return end<Module>(state().modules, module); }
static CUresult doAttribute(CUfunction, int attribute, int value) {
  require(attribute == kMaxDynamicSharedSizeBytes && value <= FakeDriver::sharedBytes, "too much shared memory");
  return kSuccess;
}
static CUresult doMemoryInfo(size_t *available, size_t *total) {
  *available = FakeDriver::memoryBytes - state().bytes;
  return *total = FakeDriver::memoryBytes, kSuccess;
}
static CUresult doUpload(CUdeviceptr to, const void *from, size_t bytes, CUstream stream) {
  return enqueue(stream, [=] { memcpy(find(to, bytes), from, bytes); });
}
static CUresult doReadBack(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
  FakeDriver::bytesReadBack += bytes;
  return enqueue(stream, [=] { memcpy(to, find(from, bytes), bytes); });
}
static CUresult doCopy(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return enqueue(stream, [=] { memmove(find(to, bytes), find(from, bytes), bytes); });
}
static CUresult doCreateStream(CUstream *stream, unsigned) { return make(state().streams, stream, new Stream()); }
static CUresult doDestroyStream(CUstream stream) { return end<Stream>(state().streams, stream); }
static CUresult doLaunch(CUfunction function, unsigned blocks, unsigned, unsigned, unsigned threads, unsigned, unsigned,
                         unsigned sharedBytes, CUstream stream, void **parameters, void **) {
  return enqueue(stream, [launch = take(function, blocks, threads, sharedBytes, parameters)] { run(launch); });
}
static CUresult doCreateEvent(CUevent *event, unsigned) { return make(state().events, event, new Event()); }
static CUresult doDestroyEvent(CUevent event) { return end<Event>(state().events, event); }
static CUresult doCreateGraph(CUgraph *graph, unsigned) { return make(state().graphs, graph, new Graph()); }
static CUresult doDestroyGraph(CUgraph graph) { return end<Graph>(state().graphs, graph); }
static CUresult doDestroyExecutable(CUgraphExec graph) { return end<Graph>(state().executables, graph); }
static CUresult doLaunchGraph(CUgraphExec graph, CUstream stream) {
  requireAlive(state().executables, graph);
  return enqueue(stream, [=] { run(*reinterpret_cast<Graph *>(graph)); });
}
} // namespace rows

#define ROW(name, function) .name = Row<decltype(DriverTable::name)>::call<function, &rows::name>
const DriverTable kFakeDriver = {
    ROW(init, rows::doInit),
    ROW(driverVersion, rows::doDriverVersion),
    ROW(errorName, rows::doErrorName),
    ROW(errorString, rows::doErrorString),
    ROW(deviceCount, rows::doDeviceCount),
    ROW(deviceGet, rows::doDeviceGet),
    ROW(deviceName, rows::doDeviceName),
    ROW(deviceAttribute, deviceAttribute),
    ROW(deviceMemory, rows::doDeviceMemory),
    ROW(retainContext, rows::doRetain),
    ROW(releaseContext, rows::doRelease),
    ROW(pushContext, rows::doPush),
    ROW(popContext, rows::doPop),
    ROW(loadModule, loadModule),
    ROW(unloadModule, rows::doUnload),
    ROW(findFunction, findFunction),
    ROW(setFunctionAttribute, rows::doAttribute),
    ROW(memoryInfo, rows::doMemoryInfo),
    ROW(allocate, allocate),
    ROW(free, release),
    ROW(allocateHost, allocateHost),
    ROW(freeHost, freeHost),
    ROW(upload, rows::doUpload),
    ROW(readBack, rows::doReadBack),
    ROW(copy, rows::doCopy),
    ROW(createStream, rows::doCreateStream),
    ROW(destroyStream, rows::doDestroyStream),
    ROW(synchronize, synchronize),
    ROW(launch, rows::doLaunch),
    ROW(createEvent, rows::doCreateEvent),
    ROW(destroyEvent, rows::doDestroyEvent),
    ROW(elapsedTime, elapsedTime),
    ROW(createGraph, rows::doCreateGraph),
    ROW(destroyGraph, rows::doDestroyGraph),
    ROW(addKernelNode, addKernelNode),
    ROW(addEventNode, addEventNode),
    ROW(instantiateGraph, instantiate),
    ROW(destroyExecutable, rows::doDestroyExecutable),
    ROW(launchGraph, rows::doLaunchGraph),
    .encodeTiledMap = nullptr,
};
#undef ROW

void FakeDriver::reset() {
  state().calls.clear();
  state().failing.clear();
  launched.clear();
  gpus = 1;
  architecture = 80;
  sharedBytes = 100000;
  memoryBytes = uint64_t(1) << 32;
  assemblerLog.clear();
  takesMachineCode = true;
}

uint64_t FakeDriver::calls(const std::string &function) { return state().calls[function]; }

const std::vector<std::string> &FakeDriver::functions() {
  static const std::vector<std::string> names = {
#define FATHOM_CUDA_FUNCTION(name, symbol, parameters) #name,
#include "runtime/device/cuda/driver.def"
  };
  return names;
}

void FakeDriver::failAt(const std::string &function, uint64_t first, bool forever, CUresult result) {
  state().failing = function;
  state().firstFailure = first;
  state().failsForever = forever;
  state().failure = result;
}

uint64_t FakeDriver::alive() {
  const State &all = state();
  return all.blocks.size() + all.hostBlocks.size() + all.streams.size() + all.modules.size() + all.events.size() +
         all.graphs.size() + all.executables.size() + uint64_t(all.contexts);
}

static fathom_status_t openFake(const DriverTable **driver) {
  *driver = &kFakeDriver;
  return FATHOM_STATUS_OK;
}

const runtime::Device kFakeCudaDevice = deviceOver<openFake>("fakecuda", /*isOnlyByName=*/false);
const runtime::Device kFakeSimDevice = deviceOver<openFake>("fakesim", /*isOnlyByName=*/true);

} // namespace fathom::test
