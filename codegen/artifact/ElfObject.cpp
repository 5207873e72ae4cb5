// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The ELF object that holds an artifact for linking into a program.

#include "codegen/artifact/ElfObject.h"

#include "codegen/artifact/ArtifactWriter.h"
#include "dialects/support/ExitError.h"
#include "fathom/artifact_abi.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/TargetParser/Triple.h"

#include <cstring>

namespace fathom::codegen {

namespace ELF = llvm::ELF;

ELF::Elf64_Ehdr makeElfHeader(uint16_t type) {
  ELF::Elf64_Ehdr header = {};
  memcpy(header.e_ident, ELF::ElfMagic, strlen(ELF::ElfMagic));
  header.e_ident[ELF::EI_CLASS] = ELF::ELFCLASS64;
  header.e_ident[ELF::EI_DATA] = ELF::ELFDATA2LSB;
  header.e_ident[ELF::EI_VERSION] = ELF::EV_CURRENT;
  header.e_type = type;
  header.e_machine = ELF::EM_X86_64;
  header.e_version = ELF::EV_CURRENT;
  header.e_ehsize = sizeof(header);
  return header;
}

namespace {

/// Order of the section headers.
enum SectionIndex { Null, Data, Size, Stack, Symbols, Strings, Names, SectionCount };

/// Strings of an ELF string table, which starts with the empty one.
class StringTable {
public:
  uint32_t add(llvm::StringRef text) {
    uint32_t offset = static_cast<uint32_t>(bytes.size());
    bytes.append(text.begin(), text.end());
    bytes.push_back('\0');
    return offset;
  }
  const std::string &get() const { return bytes; }

private:
  std::string bytes = std::string(1, '\0');
};

/// Collects the bytes before the artifact.
class ObjectBuilder {
public:
  ObjectBuilder(llvm::StringRef symbol, uint64_t dataSize);
  ElfObject build();

private:
  uint64_t append(const void *bytes, size_t size, size_t alignment);
  void addSection(SectionIndex index, llvm::StringRef name, uint32_t type, uint64_t flags, uint64_t alignment);
  void place(SectionIndex index, const void *bytes, size_t size);
  void placeSymbols();
  ELF::Elf64_Ehdr makeFileHeader() const;

  std::string symbol;
  uint64_t dataSize;
  std::string prefix;
  StringTable names;
  StringTable strings;
  ELF::Elf64_Shdr sections[SectionCount] = {};
};

} // namespace

/// What C can name. Letters that it has not are their bytes, so that names which differ in them alone stay apart.
static std::string makeSymbol(llvm::StringRef name) {
  std::string symbol = "fathom_model_";
  for (char c : name) {
    symbol += llvm::isAlnum(c) ? std::string(1, c) : "_";
    symbol += llvm::isASCII(c) ? "" : llvm::utohexstr(uint8_t(c), /*LowerCase=*/true);
  }
  return symbol;
}

ObjectBuilder::ObjectBuilder(llvm::StringRef symbol, uint64_t dataSize)
    : symbol(symbol), dataSize(dataSize), prefix(sizeof(ELF::Elf64_Ehdr) + sizeof(sections), '\0') {}

uint64_t ObjectBuilder::append(const void *bytes, size_t size, size_t alignment) {
  prefix.resize(llvm::alignTo(prefix.size(), alignment), '\0');
  uint64_t offset = prefix.size();
  prefix.append(static_cast<const char *>(bytes), size);
  return offset;
}

void ObjectBuilder::addSection(SectionIndex index, llvm::StringRef name, uint32_t type, uint64_t flags,
                               uint64_t alignment) {
  sections[index].sh_name = names.add(name);
  sections[index].sh_type = type;
  sections[index].sh_flags = flags;
  sections[index].sh_addralign = alignment;
}

void ObjectBuilder::place(SectionIndex index, const void *bytes, size_t size) {
  sections[index].sh_offset = append(bytes, size, sections[index].sh_addralign);
  sections[index].sh_size = size;
}

void ObjectBuilder::placeSymbols() {
  ELF::Elf64_Sym symbols[3] = {};
  symbols[1].st_name = strings.add(symbol);
  symbols[1].st_shndx = Data;
  symbols[1].st_size = dataSize;
  symbols[2].st_name = strings.add(symbol + "_size");
  symbols[2].st_shndx = Size;
  symbols[2].st_size = sizeof(uint64_t);
  for (ELF::Elf64_Sym &entry : llvm::MutableArrayRef(symbols).drop_front()) {
    entry.setBindingAndType(ELF::STB_GLOBAL, ELF::STT_OBJECT);
  }
  place(Symbols, symbols, sizeof(symbols));
  sections[Symbols].sh_link = Strings;
  // Index of the first symbol that is not local.
  sections[Symbols].sh_info = 1;
  sections[Symbols].sh_entsize = sizeof(ELF::Elf64_Sym);
}

ELF::Elf64_Ehdr ObjectBuilder::makeFileHeader() const {
  ELF::Elf64_Ehdr header = makeElfHeader(ELF::ET_REL);
  header.e_shoff = sizeof(header);
  header.e_shentsize = sizeof(ELF::Elf64_Shdr);
  header.e_shnum = SectionCount;
  header.e_shstrndx = Names;
  return header;
}

ElfObject ObjectBuilder::build() {
  // What small code cannot reach must say so: linkers then lay it out behind everything else.
  constexpr uint64_t largeLimit = 1ull << 30;
  bool large = dataSize > largeLimit;
  addSection(Data, large ? ".lrodata.fathom" : ".rodata.fathom", ELF::SHT_PROGBITS,
             ELF::SHF_ALLOC | (large ? uint64_t(ELF::SHF_X86_64_LARGE) : 0), FATHOM_SEGMENT_ALIGNMENT);
  addSection(Size, ".rodata.fathom_size", ELF::SHT_PROGBITS, ELF::SHF_ALLOC, sizeof(uint64_t));
  // An object without this note would make the linker ask for an executable stack.
  addSection(Stack, ".note.GNU-stack", ELF::SHT_PROGBITS, 0, 1);
  addSection(Symbols, ".symtab", ELF::SHT_SYMTAB, 0, alignof(ELF::Elf64_Sym));
  addSection(Strings, ".strtab", ELF::SHT_STRTAB, 0, 1);
  addSection(Names, ".shstrtab", ELF::SHT_STRTAB, 0, 1);

  place(Size, &dataSize, sizeof(dataSize));
  place(Stack, nullptr, 0);
  placeSymbols();
  place(Strings, strings.get().data(), strings.get().size());
  place(Names, names.get().data(), names.get().size());
  sections[Data].sh_offset = llvm::alignTo(prefix.size(), FATHOM_SEGMENT_ALIGNMENT);
  sections[Data].sh_size = dataSize;

  ELF::Elf64_Ehdr header = makeFileHeader();
  memcpy(prefix.data(), &header, sizeof(header));
  memcpy(prefix.data() + sizeof(header), sections, sizeof(sections));
  return {std::move(prefix), sections[Data].sh_offset};
}

llvm::Expected<ElfObject> makeElfObject(llvm::StringRef name, llvm::StringRef triple, uint64_t dataSize) {
  if (llvm::Triple(triple).getArch() != llvm::Triple::x86_64) {
    return makeError(ExitCode::Unsupported,
                     "object files are not supported for target '" + triple + "'; use --emit=artifact");
  }
  return ObjectBuilder(makeSymbol(name), dataSize).build();
}

std::string makeObjectHeader(llvm::StringRef name, uint64_t dataSize) {
  std::string symbol = makeSymbol(name);
  std::string guard = llvm::StringRef(symbol).upper() + "_H";
  std::string text = (kObjectHeaderMark + ": a model as bytes of the program. */\n").str();
  text += "#ifndef " + guard + "\n#define " + guard + "\n\n#include <stdint.h>\n\n";
  text += "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
  text += "/** The artifact, page-aligned. */\nextern const unsigned char " + symbol + "[];\n";
  text += "/** Its size in bytes: " + std::to_string(dataSize) + ". */\nextern const uint64_t " + symbol + "_size;\n\n";
  text += "#ifdef __cplusplus\n}\n#endif\n\n#endif\n";
  return text;
}

} // namespace fathom::codegen
