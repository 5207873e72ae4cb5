// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A node a launch, an edge where one waits for another.

#include "runtime/device/cuda/graph.h"

namespace fathom::runtime::cuda {

namespace {
class GraphBuilder {
public:
  GraphBuilder(const CudaProgram &program, const CommandList &list, LaunchParameters &parameters, const CUevent *events)
      : program(program), gpu(program.gpu()), list(list), parameters(parameters), events(events) {}
  GraphBuilder(const GraphBuilder &) = delete;
  GraphBuilder &operator=(const GraphBuilder &) = delete;
  ~GraphBuilder() {
    if (graph) {
      gpu.driver().destroyGraph(graph);
    }
  }

  fathom_status_t build(CUgraphExec *executable);

private:
  bool waitForAll(uint32_t launch);
  bool waitFor(uint32_t earlier);
  bool waitForScratch();
  fathom_status_t addNode(uint32_t launch);
  fathom_status_t addEvent(const CUgraphNode *after, CUevent event);

  const CudaProgram &program;
  const Gpu &gpu;
  const CommandList &list;
  LaunchParameters &parameters;
  const CUevent *events;
  CUgraph graph = nullptr;
  /// Of each launch; NULL where there is none.
  Buffer<CUgraphNode> nodes;
  /// The last launch, and one more, that has been seen to wait for a launch.
  Buffer<uint32_t> seenBy;
  uint32_t current = 0;
  Buffer<CUgraphNode> waits;
  /// The last launch that uses scratch memory.
  CUgraphNode lastScratch = nullptr;
  CUgraphNode lastEvent = nullptr;
};
} // namespace

bool GraphBuilder::waitForAll(uint32_t launch) {
  bool room = true;
  for (uint32_t earlier : list.earlier(launch)) {
    room = room && waitFor(earlier);
  }
  return room;
}

// Who waits for the record of a state waits for what that waits for.
bool GraphBuilder::waitFor(uint32_t earlier) {
  if (seenBy[earlier] == current + 1) {
    return true;
  }
  seenBy[earlier] = current + 1;
  return list.launches[earlier].kernel == kNoKernel ? waitForAll(earlier) : waits.push(nodes[earlier]);
}

bool GraphBuilder::waitForScratch() {
  for (CUgraphNode node : waits) {
    if (node == lastScratch) {
      return true;
    }
  }
  return !lastScratch || waits.push(lastScratch);
}

fathom_status_t GraphBuilder::addNode(uint32_t launch) {
  current = launch;
  waits.clear();
  bool hasScratch = program.program().kernels()->Get(list.launches[launch].kernel)->grid()->scratch_bytes() > 0;
  bool room = events ? waits.push(lastEvent) : waitForAll(launch) && (!hasScratch || waitForScratch());
  if (!room) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for a graph of %u launches", list.size);
  }
  CUgraphNode node = nullptr;
  CUresult result = gpu.driver().addKernelNode(&node, graph, waits.data(), waits.size(), &parameters.of(launch));
  FATHOM_RETURN_IF_ERROR(gpu.check(result, "put a kernel into a graph"));
  nodes[launch] = node;
  lastScratch = hasScratch ? node : lastScratch;
  return events ? addEvent(&node, events[launch + 1]) : FATHOM_STATUS_OK;
}

fathom_status_t GraphBuilder::addEvent(const CUgraphNode *after, CUevent event) {
  CUresult result = gpu.driver().addEventNode(&lastEvent, graph, after, after ? 1 : 0, event);
  return gpu.check(result, "put an event into a graph");
}

fathom_status_t GraphBuilder::build(CUgraphExec *executable) {
  if (!nodes.allocate(list.size) || !seenBy.allocate(list.size)) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for a graph of %u launches", list.size);
  }
  CUgraph made = nullptr;
  FATHOM_RETURN_IF_ERROR(gpu.check(gpu.driver().createGraph(&made, 0), "make a graph"));
  graph = made;
  FATHOM_RETURN_IF_ERROR(events ? addEvent(nullptr, events[0]) : FATHOM_STATUS_OK);
  for (uint32_t i = 0; i < list.size; ++i) {
    FATHOM_RETURN_IF_ERROR(list.launches[i].kernel == kNoKernel ? FATHOM_STATUS_OK : addNode(i));
  }
  CUgraphExec whole = nullptr;
  FATHOM_RETURN_IF_ERROR(gpu.check(gpu.driver().instantiateGraph(&whole, graph, 0), "prepare a graph"));
  *executable = whole;
  return FATHOM_STATUS_OK;
}

fathom_status_t buildGraph(const CudaProgram &program, const CommandList &list, LaunchParameters &parameters,
                           const CUevent *events, CUgraphExec *executable) {
  return GraphBuilder(program, list, parameters, events).build(executable);
}

} // namespace fathom::runtime::cuda
