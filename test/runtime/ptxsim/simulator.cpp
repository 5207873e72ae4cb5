// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A simulated device for tests.

#include "test/runtime/ptxsim/simulator.h"

#include <fstream>
#include <sstream>

namespace fathom::runtime::ptxsim::test {

Simulator::Simulator(Options options) {
  reset(options);
  cuda::CUcontext context = nullptr;
  table.init(0);
  table.retainContext(&context, 0);
  table.pushContext(context);
}

cuda::CUresult Simulator::load(const std::string &text) {
  return table.loadModule(&module, text.c_str(), 0, nullptr, nullptr);
}

cuda::CUfunction Simulator::find(const char *name) {
  cuda::CUfunction function = nullptr;
  table.findFunction(&function, module, name);
  return function;
}

cuda::CUresult Simulator::launch(const char *name, Shape shape, std::vector<uint64_t> parameters) {
  std::vector<void *> pointers;
  for (uint64_t &parameter : parameters) {
    pointers.push_back(&parameter);
  }
  return table.launch(find(name), shape.blocks, 1, 1, shape.threads, 1, 1, shape.shared, nullptr, pointers.data(),
                      nullptr);
}

uint64_t Simulator::allocate(size_t bytes) {
  cuda::CUdeviceptr memory = 0;
  table.allocate(&memory, bytes);
  return memory;
}

std::string module(const std::string &text, const std::string &target) {
  return ".version 8.4\n.target " + target + "\n.address_size 64\n" + text;
}

std::string elementKernel(const std::string &body) {
  std::string text = ".visible .entry k(.param .u64 out, .param .u64 pa, .param .u64 pb, .param .u64 pc) {\n"
                     ".reg .b64 %a, %b, %c, %d, %address<4>, %offset;\n.reg .b32 %a32, %b32, %c32, %d32, %e32, %tid;\n"
                     ".reg .b16 %a16, %b16, %c16, %d16;\n.reg .pred %p, %q;\n"
                     "mov.u32 %tid, %tid.x;\nmul.wide.u32 %offset, %tid, 8;\nmov.b64 %d, 0;\n";
  const char *names[] = {"a", "b", "c"};
  for (int i = 0; i < 3; ++i) {
    std::string number = std::to_string(i), name = names[i];
    text += "ld.param.u64 %address" + number + ", [p" + name + "];\nadd.s64 %address" + number + ", %address" + number +
            ", %offset;\nld.global.b64 %" + name + ", [%address" + number + "];\ncvt.u32.u64 %" + name + "32, %" +
            name + ";\ncvt.u16.u64 %" + name + "16, %" + name + ";\n";
  }
  return module(text + body +
                "\nld.param.u64 %address3, [out];\nadd.s64 %address3, %address3, %offset;\n"
                "st.global.b64 [%address3], %d;\nret;\n}\n");
}

std::vector<uint64_t> compute(const std::string &body, std::vector<uint64_t> a, std::vector<uint64_t> b,
                              std::vector<uint64_t> c) {
  Simulator simulator;
  size_t count = a.size();
  for (std::vector<uint64_t> *values : {&a, &b, &c}) {
    values->resize(32);
  }
  uint64_t out = simulator.allocate(256);
  if (simulator.load(elementKernel(body)) != cuda::kSuccess ||
      simulator.launch("k", {}, {out, simulator.upload(a), simulator.upload(b), simulator.upload(c)}) !=
          cuda::kSuccess) {
    return {};
  }
  return simulator.read<uint64_t>(out, count);
}

std::string kernelText(const std::string &name) {
  std::ifstream file(std::string(FATHOM_PTXSIM_KERNELS) + "/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

} // namespace fathom::runtime::ptxsim::test
