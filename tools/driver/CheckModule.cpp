// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a module of --from must agree on with the checkpoint, and what it needs of a machine.

#include "tools/driver/CheckModule.h"

#include "dialects/deepseek/DeepSeek.h"
#include "dialects/plan/Plan.h"
#include "kernels/Catalog.h"

using namespace mlir;

namespace fathom::driver {

static bool checkShards(ModuleOp module, const WeightFiles &files) {
  auto shards = module->getAttrOfType<ArrayAttr>(deepseek::kShardsAttr);
  if (!shards) {
    module.emitError("expects the checkpoint's files in attribute '") << deepseek::kShardsAttr << "'";
    return false;
  }
  auto isSame = [](const auto &pair) {
    auto attribute = cast<deepseek::ShardAttr>(std::get<0>(pair));
    const WeightFile &file = std::get<1>(pair);
    return attribute.getFile() == file.name && attribute.getBytes() == file.size &&
           attribute.getHeaderHash() == file.headerHash;
  };
  if (shards.size() != files.files.size() || !llvm::all_of(llvm::zip_equal(shards, files.files), isSame)) {
    module.emitError("was made from files other than those of '") << files.directory << "'";
    return false;
  }
  return true;
}

static bool checkLocations(deepseek::WeightOp weight, const WeightFiles &files) {
  RankedTensorType type = weight.getTensorType();
  uint64_t bytes = type.getNumElements() / weight.getTensorsPerLayer() * (type.getElementTypeBitWidth() / 8);
  ArrayRef<int64_t> locations = weight.getLocations();
  for (size_t i = 0; i < locations.size(); i += 2) {
    uint64_t shard = locations[i], offset = locations[i + 1];
    bool inside =
        shard < files.files.size() && offset <= files.files[shard].size && bytes <= files.files[shard].size - offset;
    if (!inside) {
      weight.emitOpError("expects ") << bytes << " bytes at " << offset << " of file " << shard
                                     << ", which are not there";
      return false;
    }
  }
  return true;
}

bool checkWeights(ModuleOp module, const WeightFiles &files) {
  return checkShards(module, files) && llvm::all_of(module.getOps<deepseek::WeightOp>(),
                                                    [&](deepseek::WeightOp op) { return checkLocations(op, files); });
}

bool hasKernelsFor(ModuleOp module, StringRef arch) {
  return llvm::any_of(module.getOps<plan::KernelOp>(), [&](plan::KernelOp op) {
    const kernels::Kernel *kernel = kernels::findKernel(std::string_view(op.getKernel()));
    return kernel && StringRef(kernel->arch) == arch;
  });
}

} // namespace fathom::driver
