#include "jit/engine/registry.h"

#include <cstring>

namespace whipsnake::registry {

namespace {

std::vector<std::unique_ptr<NativeEngine>>& engines() {
  static auto* list = [] {
    auto* made = new std::vector<std::unique_ptr<NativeEngine>>;
    made->push_back(make_baseline_engine());
    return made;
  }();
  return *list;
}

bool name_allowed(const char* name) {
  if (name == nullptr || *name == '\0' || std::strcmp(name, "off") == 0) return false;
  for (const char* c = name; *c != '\0'; ++c)
    if (*c <= ' ' || *c == 0x7f || std::strchr(",;=", *c) != nullptr) return false;
  return true;
}

}  // namespace

NativeEngine* find(const std::string& name) {
  for (const auto& engine : engines())
    if (name == engine->name()) return engine.get();
  return nullptr;
}

std::vector<std::string> names() {
  std::vector<std::string> result;
  for (const auto& engine : engines()) result.emplace_back(engine->name());
  return result;
}

std::string add(api::Engine* engine) {
  if (engine->api_version() != api::kEngineApiVersion)
    return "the engine was built for version " + std::to_string(engine->api_version()) +
           " of the engine interface, this is version " + std::to_string(api::kEngineApiVersion);
  const char* name = engine->name();
  if (!name_allowed(name)) return std::string("not a name for an engine: '") + (name != nullptr ? name : "") + "'";
  if (find(name) != nullptr) return std::string("an engine named '") + name + "' is registered already";
  engines().push_back(make_external_engine(engine));
  return "";
}

}  // namespace whipsnake::registry
