// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A chat template as a list of tags, and the lists that are known.

#include "frontend/tokenizer/ChatTemplates.h"

#include "llvm/ADT/ArrayRef.h"

#include <string>
#include <vector>

using llvm::StringRef;

namespace fathom::frontend {

namespace {

using Tags = std::vector<std::string>;

/// The inside of a tag without white space but in string literals, and with line feeds there spelled "\n".
std::string canonicalTag(StringRef inside) {
  std::string out;
  char quote = 0;
  for (char c : inside) {
    if (quote == 0 && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
      continue;
    }
    if (c == '\'' || c == '"') {
      quote = quote == 0 ? c : (quote == c ? 0 : quote);
    }
    out += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return out;
}

/// Bookkeeping of tool calls, and the ends of blocks.
bool isIgnored(StringRef tag) {
  if (tag == "ifadd_generation_promptandnotns.is_tool") {
    return false;
  }
  return tag == "endif" || tag == "endfor" || tag == "else" || tag.contains("tool") ||
         tag.contains("is_output_first") || tag == "ifnotns.is_first" || tag == "setns.is_first=true" ||
         tag == "setns.is_first=false" || tag == "ifmessage['role']=='assistant'andmessage['content']isnone" ||
         tag == "ifmessage['role']=='assistant'andmessage['content']isnotnone";
}

/// The tags that count; nothing where the template is not made of tags alone.
std::optional<Tags> tagsOf(StringRef text) {
  Tags tags;
  while (!(text = text.ltrim()).empty()) {
    bool isOutput = text.starts_with("{{");
    if (!isOutput && !text.starts_with("{%")) {
      return std::nullopt;
    }
    size_t end = text.find(isOutput ? "}}" : "%}");
    if (end == StringRef::npos) {
      return std::nullopt;
    }
    StringRef inside = text.slice(2, end);
    inside.consume_front("-");
    inside.consume_back("-");
    text = text.drop_front(end + 2);
    std::string tag = canonicalTag(inside);
    if (!isIgnored(tag)) {
      tags.push_back(std::move(tag));
    }
  }
  return tags;
}

/// Takes tags from the front of a list.
class TagCursor {
public:
  explicit TagCursor(const Tags &tags) : rest(tags) {}

  /// Takes `expected`, all of it or nothing.
  bool take(llvm::ArrayRef<StringRef> expected) {
    if (rest.size() < expected.size()) {
      return false;
    }
    for (size_t i = 0; i < expected.size(); ++i) {
      if (rest[i] != expected[i]) {
        return false;
      }
    }
    rest = rest.drop_front(expected.size());
    return true;
  }
  bool atEnd() const { return rest.empty(); }

private:
  llvm::ArrayRef<std::string> rest;
};

bool takeOpening(TagCursor &tags) {
  return tags.take({"ifnotadd_generation_promptisdefined", "setadd_generation_prompt=false"});
}

std::optional<KnownChat> matchV2(const Tags &all) {
  TagCursor tags(all);
  bool matches = takeOpening(tags) &&
                 tags.take({"bos_token", "formessageinmessages", "ifmessage['role']=='user'",
                            "'User: '+message['content']+'\\n\\n'", "elifmessage['role']=='assistant'",
                            "'Assistant: '+message['content']+eos_token", "elifmessage['role']=='system'",
                            "message['content']+'\\n\\n'", "ifadd_generation_prompt", "'Assistant:'"}) &&
                 tags.atEnd();
  return matches ? std::optional<KnownChat>(KnownChat{artifact::ChatFormat::deepseek_v2}) : std::nullopt;
}

std::optional<KnownChat> matchV3(const Tags &all) {
  TagCursor tags(all);
  KnownChat chat{artifact::ChatFormat::deepseek_v3};
  if (!takeOpening(tags) || !tags.take({"formessageinmessages", "ifmessage['role']=='system'"})) {
    return std::nullopt;
  }
  chat.joinsSystem =
      tags.take({"ifns.is_first_sp", "setns.system_prompt=ns.system_prompt+message['content']",
                 "setns.is_first_sp=false", "setns.system_prompt=ns.system_prompt+'\\n\\n'+message['content']"});
  if (!chat.joinsSystem && !tags.take({"setns.system_prompt=message['content']"})) {
    return std::nullopt;
  }
  if (!tags.take({"bos_token", "ns.system_prompt", "formessageinmessages", "ifmessage['role']=='user'",
                  "'<｜User｜>'+message['content']"})) {
    return std::nullopt;
  }
  bool names = tags.take({"setcontent=message['content']"});
  chat.dropsReasoning = names && tags.take({"if'</think>'incontent", "setcontent=content.split('</think>')[-1]"});
  StringRef reply = names ? "'<｜Assistant｜>'+content+'<｜end▁of▁sentence｜>'"
                          : "'<｜Assistant｜>'+message['content']+'<｜end▁of▁sentence｜>'";
  if (!tags.take({reply, "ifadd_generation_promptandnotns.is_tool"})) {
    return std::nullopt;
  }
  chat.opensReasoning = tags.take({"'<｜Assistant｜><think>\\n'"});
  bool ends = (chat.opensReasoning || tags.take({"'<｜Assistant｜>'"})) && tags.atEnd();
  return ends ? std::optional<KnownChat>(chat) : std::nullopt;
}

} // namespace

std::optional<KnownChat> recogniseChatTemplate(StringRef text) {
  std::optional<Tags> tags = tagsOf(text);
  if (!tags) {
    return std::nullopt;
  }
  if (std::optional<KnownChat> chat = matchV2(*tags)) {
    return chat;
  }
  return matchV3(*tags);
}

} // namespace fathom::frontend
