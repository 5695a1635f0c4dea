#include "jit/module/options.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace whipsnake {

namespace {

// Borrowed; null when the key is missing (no exception) or on error.
PyObject* find(PyObject* dict, const char* key) { return PyDict_GetItemString(dict, key); }

bool refuse(const char* key, PyObject* value, const char* allowed) {
  PyErr_Format(PyExc_ValueError, "%s=%R is not allowed; allowed: %s", key, value, allowed);
  return false;
}

bool read_number(PyObject* dict, const char* key, unsigned long long limit, unsigned long long* result) {
  PyObject* value = find(dict, key);
  if (value == nullptr) return true;
  if (!PyLong_Check(value)) return refuse(key, value, "a whole number");
  const unsigned long long number = PyLong_AsUnsignedLongLong(value);
  if (PyErr_Occurred() || number > limit) {
    PyErr_Clear();
    return refuse(key, value, "a whole number that is not negative and not too large");
  }
  *result = number;
  return true;
}

bool read_count(PyObject* dict, const char* key, uint32_t* result) {
  unsigned long long number = *result;
  if (!read_number(dict, key, INT32_MAX, &number)) return false;
  *result = static_cast<uint32_t>(number);
  return true;
}

// "auto": left to us.
bool read_threshold(PyObject* dict, const char* key, std::optional<uint32_t>* result) {
  PyObject* value = find(dict, key);
  if (value != nullptr && PyUnicode_Check(value) && PyUnicode_EqualToUTF8(value, "auto")) return true;
  uint32_t number = 0;
  if (value == nullptr || !read_count(dict, key, &number)) return value == nullptr;
  *result = number;
  return true;
}

bool read_switch(PyObject* dict, const char* key, bool* result) {
  PyObject* value = find(dict, key);
  if (value == nullptr) return true;
  const int truth = PyObject_IsTrue(value);
  if (truth >= 0) *result = truth != 0;
  return truth >= 0;
}

// A str, as UTF-8 that lives as long as the object; null with *ok false on error, null alone when missing.
const char* read_text(PyObject* dict, const char* key, bool* ok) {
  PyObject* value = find(dict, key);
  if (value == nullptr) return nullptr;
  const char* text = PyUnicode_Check(value) ? PyUnicode_AsUTF8(value) : nullptr;
  if (text == nullptr) {
    PyErr_Clear();
    *ok = refuse(key, value, "text");
  }
  return text;
}

bool read_entry(PyObject* dict, framework::Settings* settings) {
  bool ok = true;
  const char* text = read_text(dict, "entry", &ok);
  if (text == nullptr) return ok;
  if (std::strcmp(text, "vectorcall") == 0)
    settings->entry = framework::EntryMode::kVectorcall;
  else if (std::strcmp(text, "pep523") == 0)
    settings->entry = framework::EntryMode::kEvalFrame;
  else
    return refuse("entry", find(dict, "entry"), "vectorcall or pep523");
  return true;
}

bool read_code_heap(PyObject* dict, framework::Settings* settings) {
  bool ok = true;
  const char* text = read_text(dict, "code_heap", &ok);
  if (text == nullptr) return ok;
  char* end = nullptr;
  if (std::strcmp(text, "ok") == 0) {
    settings->heap_fail_after = -1;
  } else if (std::strcmp(text, "fail") == 0) {
    settings->heap_fail_after = 0;
  } else if (std::strncmp(text, "fail:", 5) == 0 && text[5] >= '0' && text[5] <= '9') {
    settings->heap_fail_after = std::strtol(text + 5, &end, 10) + 1;  // the first N requests succeed
    ok = *end == '\0';
  } else {
    ok = false;
  }
  return ok || refuse("code_heap", find(dict, "code_heap"), "ok, fail, or fail:N");
}

// A new reference.
PyObject* show_threshold(const std::optional<uint32_t>& threshold) {
  return threshold ? PyLong_FromUnsignedLong(*threshold) : PyUnicode_FromString("auto");
}

std::string show_code_heap(int64_t fail_after) {
  if (fail_after < 0) return "ok";
  return fail_after == 0 ? "fail" : "fail:" + std::to_string(fail_after - 1);
}

bool read_word(PyObject* dict, const char* key, const char* no, const char* yes, bool* result) {
  bool ok = true;
  const char* text = read_text(dict, key, &ok);
  if (text == nullptr) return ok;
  *result = std::strcmp(text, yes) == 0;
  return *result || std::strcmp(text, no) == 0 ||
         refuse(key, find(dict, key), (std::string(no) + " or " + yes).c_str());
}

// Names of families with commas between them.
bool read_families(PyObject* dict, uint32_t* result) {
  using stress::Family;
  bool ok = true;
  const char* text = read_text(dict, "without", &ok);
  if (text == nullptr) return ok;
  *result = 0;
  std::string_view rest = text;
  if (rest == "none") return true;
  std::string allowed = "none";
  while (ok) {
    const std::string_view wanted = rest.substr(0, rest.find(','));
    ok = false;
    for (int i = static_cast<int>(Family::kNone) + 1; i < static_cast<int>(Family::kCount); ++i) {
      if (wanted != stress::name(static_cast<Family>(i))) continue;
      *result |= 1u << i;
      ok = true;
    }
    if (ok && wanted.size() == rest.size()) return true;
    rest.remove_prefix(std::min(wanted.size() + 1, rest.size()));
  }
  for (int i = static_cast<int>(Family::kNone) + 1; i < static_cast<int>(Family::kCount); ++i)
    allowed += std::string(", ") + stress::name(static_cast<Family>(i));
  return refuse("without", find(dict, "without"), allowed.c_str());
}

bool read_stress(PyObject* dict, stress::Settings* settings) {
  std::optional<uint32_t> seed;
  if (!read_count(dict, "exit_every", &settings->exit_every) ||
      !read_count(dict, "slow_every", &settings->slow_every) ||
      !read_count(dict, "jettison_every", &settings->jettison_every) ||
      !read_count(dict, "fail_every", &settings->fail_every) ||
      !read_word(dict, "gc", "normal", "each-call", &settings->collect) ||
      !read_switch(dict, "caches", &settings->caches) || !read_families(dict, &settings->without) ||
      !read_threshold(dict, "stress_seed", &seed))
    return false;
  settings->seed = seed.value_or(0);
  return true;
}

}  // namespace

bool read_options(PyObject* dict, Options* options) {
  framework::Settings& settings = options->settings;
  bool ok = true;
  const char* engine = read_text(dict, "engine", &ok);
  if (!ok) return false;
  if (engine != nullptr) settings.engine = engine;
  unsigned long long budget = settings.budget;
  if (!read_threshold(dict, "threshold", &settings.threshold) ||
      !read_threshold(dict, "loop_threshold", &settings.loop_threshold) || !read_entry(dict, &settings) ||
      !read_switch(dict, "loops", &settings.loops) || !read_switch(dict, "watchers", &settings.watchers) ||
      !read_number(dict, "budget", 1ull << 47, &budget) || !read_code_heap(dict, &settings) ||
      !read_switch(dict, "perf_map", &options->perf_map) || !read_stress(dict, &settings.stress))
    return false;
  settings.budget = static_cast<size_t>(budget);
  return true;
}

PyObject* show_settings(const framework::Settings& settings) {
  return Py_BuildValue("{s:s,s:N,s:N,s:s,s:O,s:O,s:n,s:s}", "engine", settings.engine.c_str(), "threshold",
                       show_threshold(settings.threshold), "loop_threshold", show_threshold(settings.loop_threshold),
                       "entry", settings.entry == framework::EntryMode::kVectorcall ? "vectorcall" : "pep523", "loops",
                       settings.loops ? Py_True : Py_False, "watchers", settings.watchers ? Py_True : Py_False,
                       "budget", static_cast<Py_ssize_t>(settings.budget), "code_heap",
                       show_code_heap(settings.heap_fail_after).c_str());
}

}  // namespace whipsnake
