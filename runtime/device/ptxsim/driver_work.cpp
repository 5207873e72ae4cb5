// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The functions of the driver: memory, streams, launches, graphs.

#include "runtime/device/ptxsim/driver_functions.h"

#include <cstdlib>
#include <cstring>

namespace fathom::runtime::ptxsim {

using namespace cuda;

// --- Memory ---------------------------------------------------------------------------------------------------------

CUresult simulateMemoryInfo(Driver &driver, size_t *available, size_t *total) {
  *total = driver.memory.capacity();
  *available = driver.memory.capacity() - driver.memory.used();
  return kSuccess;
}

CUresult simulateAllocate(Driver &driver, CUdeviceptr *memory, size_t bytes) {
  if (bytes == 0) {
    return kInvalidValue;
  }
  *memory = driver.memory.allocate(bytes);
  return *memory == 0 ? kOutOfMemory : kSuccess;
}

CUresult simulateFree(Driver &driver, CUdeviceptr memory) {
  return memory == 0 || driver.memory.release(memory) ? kSuccess : kInvalidValue;
}

CUresult simulateAllocateHost(Driver &driver, void **memory, size_t bytes, unsigned) {
  static constexpr size_t kPage = 4096;
  size_t rounded = (bytes + kPage - 1) / kPage * kPage;
  *memory = bytes == 0 || rounded < bytes ? nullptr : std::aligned_alloc(kPage, rounded);
  if (*memory == nullptr) {
    return bytes == 0 ? kInvalidValue : kOutOfMemory;
  }
  driver.hostMemory.emplace(*memory, bytes);
  return kSuccess;
}

CUresult simulateFreeHost(Driver &driver, void *memory) {
  if (driver.hostMemory.erase(memory) == 0) {
    return kInvalidValue;
  }
  std::free(memory);
  return kSuccess;
}

static bool isStream(const Driver &driver, CUstream stream) {
  return stream == nullptr || positionOf(driver.streams, stream) < driver.streams.size();
}

/// Whether a copy can run: kSuccess, or what is in its way.
static CUresult checkCopy(const Driver &driver, CUstream stream, const Allocation *allocation) {
  if (driver.broken != kSuccess) {
    return driver.broken;
  }
  if (!isStream(driver, stream)) {
    return kInvalidHandle;
  }
  return allocation == nullptr ? kInvalidValue : kSuccess;
}

CUresult simulateUpload(Driver &driver, CUdeviceptr to, const void *from, size_t bytes, CUstream stream) {
  const Allocation *target = driver.memory.find(to, bytes);
  CUresult result = checkCopy(driver, stream, target);
  if (result == kSuccess && bytes != 0) {
    std::memcpy(target->host + (to - target->address), from, bytes);
    driver.counters.bytesUploaded += bytes;
  }
  return result;
}

CUresult simulateReadBack(Driver &driver, void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
  const Allocation *source = driver.memory.find(from, bytes);
  CUresult result = checkCopy(driver, stream, source);
  if (result == kSuccess && bytes != 0) {
    std::memcpy(to, source->host + (from - source->address), bytes);
    driver.counters.bytesReadBack += bytes;
  }
  return result;
}

CUresult simulateCopy(Driver &driver, CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  const Allocation *target = driver.memory.find(to, bytes), *source = driver.memory.find(from, bytes);
  CUresult result = checkCopy(driver, stream, source == nullptr ? source : target);
  if (result == kSuccess) {
    std::memmove(target->host + (to - target->address), source->host + (from - source->address), bytes);
    driver.counters.bytesCopied += bytes;
  }
  return result;
}

// --- Streams and launches -------------------------------------------------------------------------------------------

CUresult simulateCreateStream(Driver &driver, CUstream *stream, unsigned) {
  driver.streams.push_back(std::make_unique<Stream>());
  *stream = reinterpret_cast<CUstream>(driver.streams.back().get());
  return kSuccess;
}

CUresult simulateDestroyStream(Driver &driver, CUstream stream) { return destroy(driver.streams, stream); }

/// All has run already.
CUresult simulateSynchronize(Driver &driver, CUstream stream) {
  return isStream(driver, stream) ? driver.broken : kInvalidHandle;
}

CUresult simulateLaunch(Driver &driver, CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ,
                        unsigned blockX, unsigned blockY, unsigned blockZ, unsigned sharedBytes, CUstream stream,
                        void **parameters, void **extra) {
  if (driver.broken != kSuccess) {
    return driver.broken;
  }
  KernelCall call;
  CUresult result =
      driver.makeCall({function, gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes, parameters, extra}, call);
  if (!isStream(driver, stream)) {
    result = kInvalidHandle;
  }
  return result == kSuccess ? driver.run(call) : result;
}

// --- Events ---------------------------------------------------------------------------------------------------------

CUresult simulateCreateEvent(Driver &driver, CUevent *event, unsigned flags) {
  if (flags != 0) {
    return kInvalidValue;
  }
  driver.events.push_back(std::make_unique<DriverEvent>());
  *event = reinterpret_cast<CUevent>(driver.events.back().get());
  return kSuccess;
}

CUresult simulateDestroyEvent(Driver &driver, CUevent event) { return destroy(driver.events, event); }

/// A nanosecond for each instruction of a warp.
CUresult simulateElapsedTime(Driver &driver, float *milliseconds, CUevent begin, CUevent end) {
  size_t first = positionOf(driver.events, begin), last = positionOf(driver.events, end);
  if (first == driver.events.size() || last == driver.events.size() || !driver.events[first]->time ||
      !driver.events[last]->time) {
    return kInvalidHandle;
  }
  auto nanoseconds = static_cast<int64_t>(*driver.events[last]->time - *driver.events[first]->time);
  *milliseconds = static_cast<float>(nanoseconds) * 1e-6f;
  return kSuccess;
}

// --- Graphs ---------------------------------------------------------------------------------------------------------

CUresult simulateCreateGraph(Driver &driver, CUgraph *graph, unsigned flags) {
  if (flags != 0) {
    return kInvalidValue;
  }
  driver.graphs.push_back(std::make_unique<Graph>());
  *graph = reinterpret_cast<CUgraph>(driver.graphs.back().get());
  return kSuccess;
}

CUresult simulateDestroyGraph(Driver &driver, CUgraph graph) { return destroy(driver.graphs, graph); }

static CUresult addNode(Graph &graph, Graph::Node added, const CUgraphNode *earlier, size_t earlierCount,
                        CUgraphNode *node) {
  for (size_t i = 0; i < earlierCount; ++i) {
    size_t before = positionOf(graph.nodes, earlier[i]);
    if (before == graph.nodes.size()) {
      return kInvalidValue;
    }
    added.earlier.push_back(before);
  }
  graph.nodes.push_back(std::make_unique<Graph::Node>(std::move(added)));
  *node = reinterpret_cast<CUgraphNode>(graph.nodes.back().get());
  return kSuccess;
}

CUresult simulateAddKernelNode(Driver &driver, CUgraphNode *node, CUgraph graph, const CUgraphNode *earlier,
                               size_t earlierCount, const KernelNodeParameters *parameters) {
  size_t position = positionOf(driver.graphs, graph);
  if (position == driver.graphs.size() || parameters == nullptr) {
    return parameters == nullptr ? kInvalidValue : kInvalidHandle;
  }
  Graph::Node added;
  CUresult result = driver.makeCall(*parameters, added.call);
  return result == kSuccess ? addNode(*driver.graphs[position], std::move(added), earlier, earlierCount, node) : result;
}

CUresult simulateAddEventNode(Driver &driver, CUgraphNode *node, CUgraph graph, const CUgraphNode *earlier,
                              size_t earlierCount, CUevent event) {
  size_t position = positionOf(driver.graphs, graph);
  if (position == driver.graphs.size() || positionOf(driver.events, event) == driver.events.size()) {
    return kInvalidHandle;
  }
  Graph::Node added;
  added.event = event;
  return addNode(*driver.graphs[position], std::move(added), earlier, earlierCount, node);
}

CUresult simulateInstantiateGraph(Driver &driver, CUgraphExec *executable, CUgraph graph, unsigned long long flags) {
  size_t position = positionOf(driver.graphs, graph);
  if (position == driver.graphs.size() || flags != 0) {
    return flags != 0 ? kInvalidValue : kInvalidHandle;
  }
  auto copy = std::make_unique<Executable>();
  for (const auto &node : driver.graphs[position]->nodes) {
    copy->nodes.push_back(*node);
  }
  *executable = reinterpret_cast<CUgraphExec>(copy.get());
  driver.executables.push_back(std::move(copy));
  return kSuccess;
}

CUresult simulateDestroyExecutable(Driver &driver, CUgraphExec executable) {
  return destroy(driver.executables, executable);
}

/// A module may have been unloaded since, an event destroyed.
static CUresult runNode(Driver &driver, const Graph::Node &node) {
  if (node.event == nullptr) {
    return driver.owns(node.call.function) ? driver.run(node.call) : kInvalidHandle;
  }
  size_t position = positionOf(driver.events, node.event);
  if (position == driver.events.size()) {
    return kInvalidHandle;
  }
  driver.events[position]->time = driver.instructions;
  return kSuccess;
}

/// In any order that the edges allow, so that one that is missing shows.
CUresult simulateLaunchGraph(Driver &driver, CUgraphExec executable, CUstream stream) {
  size_t position = positionOf(driver.executables, executable);
  if (position == driver.executables.size() || !isStream(driver, stream)) {
    return kInvalidHandle;
  }
  const std::vector<Graph::Node> &nodes = driver.executables[position]->nodes;
  std::vector<std::vector<size_t>> later(nodes.size());
  std::vector<size_t> missing(nodes.size()), ready;
  for (size_t node = 0; node < nodes.size(); ++node) {
    missing[node] = nodes[node].earlier.size();
    for (size_t earlier : nodes[node].earlier) {
      later[earlier].push_back(node);
    }
    if (missing[node] == 0) {
      ready.push_back(node);
    }
  }
  CUresult result = driver.broken;
  while (result == kSuccess && !ready.empty()) {
    std::swap(ready[driver.random.below(static_cast<unsigned>(ready.size()))], ready.back());
    size_t node = ready.back();
    ready.pop_back();
    result = runNode(driver, nodes[node]);
    for (size_t next : later[node]) {
      if (--missing[next] == 0) {
        ready.push_back(next);
      }
    }
  }
  return result;
}

} // namespace fathom::runtime::ptxsim
